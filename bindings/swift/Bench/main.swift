// What a call costs, beside NSCache and a dictionary in a lock, which keep objects:
//
//     CACHECORE_BINDING=1 swift run -c release -Xlinker -Lbuild/lib Bench
//
// Prints nanoseconds of CPU time an operation, the median of 25 rounds; all of them in one
// run, in turns. 10 000 keys of 16 bytes, values of 64, hits alone.
import Cachecore
import Foundation

func bench() throws {
  let keyCount = 10_000
  let operations = 20_000
  let rounds = 25
  let batchSize = 50

  let keys = (0..<keyCount).map { "key-" + String(format: "%012d", $0) }
  let value = [UInt8](repeating: 118, count: 64)

  let cache = try Cache<String, [UInt8]>(CacheOptions(maxEntries: 20_000))
  let objects = NSCache<NSString, NSData>()
  let lock = NSLock()
  var dictionary: [String: [UInt8]] = [:]
  // For NSCache keys and values are objects, which a program of Swift's makes of its own.
  let data = NSData(data: Data(value))
  for key in keys {
    try cache.set(key, value, lifetime: .after(.seconds(3600)))
    objects.setObject(data, forKey: NSString(string: key))
    dictionary[key] = value
  }

  var random: UInt32 = 1
  func nextKey() -> String {
    random = random &* 1_664_525 &+ 1_013_904_223
    return keys[Int(random >> 8) % keyCount]
  }

  var sum = 0
  func each(_ operation: @escaping () throws -> Void) -> () throws -> Void {
    { for _ in 0..<operations { try operation() } }
  }
  let cases: [(name: String, run: () throws -> Void)] = [
    ("NSCache: get", each { sum += objects.object(forKey: NSString(string: nextKey()))!.count }),
    ("dictionary in a lock: get", each { sum += lock.withLock { dictionary[nextKey()]!.count } }),
    ("cachecore: get", each { sum += try cache.get(nextKey())!.count }),
    (
      "cachecore: acquire",
      each { if let lent = try cache.acquire(nextKey()) { sum += lent.count } }
    ),
    (
      "cachecore: getMany of 50, a key",
      {
        for _ in 0..<operations / batchSize {
          sum += try cache.getMany((0..<batchSize).map { _ in nextKey() }).count
        }
      }
    ),
    ("NSCache: set", each { objects.setObject(data, forKey: NSString(string: nextKey())) }),
    ("dictionary in a lock: set", each { lock.withLock { dictionary[nextKey()] = value } }),
    ("cachecore: set", each { try cache.set(nextKey(), value, lifetime: .after(.seconds(3600))) }),
  ]

  var times = cases.map { _ in [Double]() }
  for _ in 0..<rounds {
    for (index, (_, run)) in cases.enumerated() {
      let begin = clock()
      try run()
      let seconds = Double(clock() - begin) / Double(CLOCKS_PER_SEC)
      times[index].append(1e9 * seconds / Double(operations))
    }
  }
  for ((name, _), measured) in zip(cases, times) {
    let median = String(format: "%7.0f ns", measured.sorted()[rounds / 2])
    print(name.padding(toLength: 34, withPad: " ", startingAt: 0), median)
  }
  precondition(sum > 0)
}

try bench()
