import Foundation
import Testing

/// What several processes do to each other, by the program of Tests/Sharing: a process with
/// threads, such as this one, cannot well be forked.
@Suite struct SharingTests {
  /// Beside the tests themselves.
  private static let program: String? = {
    let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
    guard
      let line = maps.split(separator: "\n").first(where: { $0.contains("PackageTests") }),
      let path = line.split(separator: " ").last
    else { return nil }
    return path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/sharing"
  }()

  private static func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(program))
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let isExit = process.terminationReason == .exit
    return (
      isExit ? process.terminationStatus : -process.terminationStatus,
      String(decoding: text, as: UTF8.self)
    )
  }

  /// tools/sanitize.sh runs the program itself.
  private static let isSanitized = ProcessInfo.processInfo.environment["SANITIZE"] != nil

  private static let scenarios: [String] = {
    if isSanitized { return [] }
    let list = (try? run([]).output) ?? ""
    return list.split(separator: "\n").map(String.init)
  }()

  @Test func thereAreSome() {
    #expect(SharingTests.isSanitized || SharingTests.scenarios.count >= 20)
  }

  @Test(arguments: SharingTests.scenarios)
  func scenario(_ name: String) throws {
    let (status, output) = try SharingTests.run([name])
    print("sharing \(name): \(output.isEmpty ? "ok" : output)")
    #expect(status == 0, "\(output)")
  }
}
