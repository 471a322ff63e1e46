/// How an operation ended. The numbers are those of `cachecore_status_t`; a
/// test compares them with the header.
package enum Outcome: Int32 {
  case ok = 0
  case miss = 1
  case exists = 2
  case refused = 3
  case conflict = 4
  case stale = 5
  case pending = 6
  case absent = 7
  case claimed = 8
  case argument = -1
  case noMemory = -2
  case tooSmall = -3
  case version = -4
  case full = -5
  case state = -6
  case timeout = -7
  case type = -8
  case range = -9
  case layout = -10
  case access = -11
}
