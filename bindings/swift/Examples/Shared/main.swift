// One of several programs, in any languages, that share a cache by the path of its file: it
// reads what another one stored, and computes what is missing, unless another one does.
//
//     Shared CACHE LOG
//
// It appends its name to LOG when it computes.
import Cachecore
import Glibc

struct CannotAppend: Error {}

guard CommandLine.arguments.count == 3 else { fatalError("Shared CACHE LOG") }
let (path, log) = (CommandLine.arguments[1], CommandLine.arguments[2])
let cache = try Cache<String, String>(sharedAt: path, CacheOptions(maxBytes: 16 << 20))

if let greeting = try cache.get("greeting") { print("greeting: \(greeting)") }

let answer = try await cache.value(for: "answer", lifetime: .after(.seconds(60))) {
  () async throws in
  try await Task.sleep(for: .milliseconds(200))  // what is slow
  guard let file = fopen(log, "a") else { throw CannotAppend() }
  fputs("swift\n", file)
  fclose(file)
  return "computed by swift"
}
print("answer: \(answer)")
