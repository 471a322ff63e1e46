/* The header alone, as C99, C11 and C++17 with every warning an error: CMake
 * compiles this file once for each, and again with CACHECORE_EXPERIMENTAL,
 * which changes nothing any more.  Running it only shows that it links. */
#include "cachecore.h"
#include "cachecore.h" /* twice is as good as once */

#ifdef __cplusplus
/* No name of the header's, a struct's tag either, stands in the way of the
 * namespace that a C++ program would choose for it. */
namespace cachecore {
typedef cachecore_stats_t stats;
inline unsigned version() { return cachecore_version(); }
} /* namespace cachecore */
#else
/* Nor of a C program's own struct. */
struct cachecore { cachecore_t *cache; };
#endif

static int has_claims(void) {
  cachecore_claim_t claim = CACHECORE_CLAIM_INIT;
  char buffer[1];
  size_t size;
  return claim.struct_size == sizeof claim &&
         cachecore_get_or_claim(NULL, "k", 1, buffer, 1, &size, &claim) ==
             CACHECORE_E_ARGUMENT &&
         CACHECORE_CLAIM_EARLY == 1;
}

int main(void) {
  cachecore_options_t options = CACHECORE_OPTIONS_INIT;
  cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
  cachecore_stats_t stats = CACHECORE_STATS_INIT;
  cachecore_stats_field_t field = CACHECORE_STATS_FIELD_INIT;
  cachecore_window_t window = CACHECORE_WINDOW_INIT;
  cachecore_audit_options_t kinds = CACHECORE_AUDIT_OPTIONS_INIT;
  cachecore_audit_t audit = CACHECORE_AUDIT_INIT;
  cachecore_sweeper_options_t sweeper = CACHECORE_SWEEPER_OPTIONS_INIT;
  cachecore_sweeper_status_t status = CACHECORE_SWEEPER_STATUS_INIT;

  return cachecore_version() != CACHECORE_VERSION || !has_claims() ||
         options.struct_size != sizeof options ||
         info.struct_size != sizeof info ||
         stats.struct_size != sizeof stats ||
         field.struct_size != sizeof field ||
         window.struct_size != sizeof window ||
         kinds.struct_size != sizeof kinds ||
         audit.struct_size != sizeof audit ||
         sweeper.struct_size != sizeof sweeper ||
         status.struct_size != sizeof status;
}
