/* The header alone, as C99, C11 and C++17 with every warning an error: CMake
 * compiles this file once for each.  Running it only shows that it links. */
#include "cachecore.h"
#include "cachecore.h" /* twice is as good as once */

int main(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  cachecore_stats_t stats = CACHECORE_STATS_INIT;
  cachecore_sweeper_options_t sweeper = CACHECORE_SWEEPER_OPTIONS_INIT;
  cachecore_sweeper_status_t status = CACHECORE_SWEEPER_STATUS_INIT;

  return cachecore_version() != CACHECORE_VERSION ||
         options.struct_size != sizeof options ||
         info.struct_size != sizeof info ||
         stats.struct_size != sizeof stats ||
         sweeper.struct_size != sizeof sweeper ||
         status.struct_size != sizeof status;
}
