// A server's pages, rendered once for all tasks and all processes.
import Cachecore

let file = "/tmp/cachecore-pages-example"
var options = CacheOptions(maxBytes: 64 << 20)
options.defaultLifetime = .after(.seconds(300))
// Any process that opens the same path has the same cache.
let pages = try Cache<String, String>(sharedAt: file, options, mode: .replace)

for _ in 0..<3 {
  // One task renders; the others wait. For a minute after its time is up the old page is
  // served while one renders the next.
  let page = try await pages.value(for: "/about", stale: .seconds(60)) { () async throws in
    print("rendering /about")
    return "<h1>About</h1>"
  }
  print(page)
}

// The page has changed: what is being rendered from the old state is not stored.
try pages.remove("/about")

// No copy: the bytes stay as they are while `logo` lives.
try pages.set("/logo", "...", lifetime: .never)
if let logo = try pages.acquire("/logo") { print("the logo has \(logo.count) bytes") }

let statistics = try pages.statistics()
print("\(statistics["hits"]!) hits, \(statistics["misses"]!) misses")
