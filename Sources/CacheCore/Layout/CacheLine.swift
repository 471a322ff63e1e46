/// What a processor fetches at once.
package enum CacheLine {
  package static let size = 64
}
