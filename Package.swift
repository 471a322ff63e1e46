// swift-tools-version: 6.0
//
// Two builds from one source. Ordinary, for tests and sanitizers:
//     swift test --scratch-path build/swift-tests
// Embedded, what ships (libc is all it needs; see tools/build-library.sh):
//     CACHECORE_EMBEDDED=1 swift build -c release --scratch-path build/swift-embedded

import PackageDescription

let isEmbedded = Context.environment["CACHECORE_EMBEDDED"] == "1"

/// `tools/sanitize.sh` says so: copies that race by design are hidden from it,
/// and it must see threads come and go.
let sanitizer = Context.environment["SANITIZE"] ?? ""

let platformFlags =
  (sanitizer == "thread" ? ["-Xcc", "-DPLATFORM_THREAD_SANITIZER"] : [])
  + (isEmbedded && sanitizer.isEmpty ? ["-Xcc", "-DPLATFORM_EVERY_GLIBC"] : [])

/// `make schedules` says so: a build whose threads a test plays by itself. What
/// ships and what other tests use has nothing of it (Sources/CPlatform, Scheduler.h).
let isScheduled = Context.environment["CACHECORE_SCHEDULED"] == "1"

let scheduledSettings: [SwiftSetting] =
  isScheduled
  ? [
    .define("CACHECORE_SCHEDULED"),
    .unsafeFlags(["-Xcc", "-DPLATFORM_SCHEDULED", "-enforce-exclusivity=unchecked"]),
  ] : []

/// Only there in such a build.
let scheduledTargets: [Target] =
  isScheduled
  ? [
    .target(name: "Fibers", path: "Tests/Fibers"),
    .target(name: "Linearizability", path: "Tests/Linearizability"),
    .executableTarget(
      name: "schedules",
      dependencies: ["CacheCore", "CPlatform", "Fibers", "Linearizability", "SeededRandom"],
      path: "Tests/Schedules", swiftSettings: scheduledSettings),
    .executableTarget(
      name: "deaths", dependencies: ["CacheCore", "CPlatform", "Fibers", "SeededRandom"],
      path: "Tests/Deaths", swiftSettings: scheduledSettings),
  ] : []

let engineSettings: [SwiftSetting] =
  scheduledSettings
  + (platformFlags.isEmpty ? [] : [.unsafeFlags(platformFlags)])
  + (isEmbedded ? [.enableExperimentalFeature("Embedded"), .unsafeFlags(["-wmo"])] : [])

let librarySettings: [LinkerSetting] =
  [
    .unsafeFlags([
      "-Xlinker", "--version-script=\(Context.packageDirectory)/cachecore.map",
      "-Xlinker", "-soname=libcachecore.so.1",
      "-Xlinker", "-z", "-Xlinker", "nodelete",
    ])
  ] + (isEmbedded ? [.unsafeFlags(["-enable-experimental-feature", "Embedded"])] : [])

/// For programs in Swift (bindings/swift): what another package can depend on. It has no
/// unsafe flags, and links with the library that is installed.
let bindingTargets: [Target] = [
  .systemLibrary(name: "CCacheCore", path: "include"),
  .target(
    name: "Cachecore", dependencies: ["CCacheCore"], path: "bindings/swift/Sources/Cachecore",
    linkerSettings: [.linkedLibrary("cachecore")]),
]

/// `bindings/swift/tools/test.sh` says so: the binding alone, with its tests.
let isBinding = Context.environment["CACHECORE_BINDING"] == "1"

let bindingTests: [Target] = [
  .executableTarget(
    name: "Pages", dependencies: ["Cachecore"], path: "bindings/swift/Examples/Pages"),
  .executableTarget(
    name: "Shared", dependencies: ["Cachecore"], path: "bindings/swift/Examples/Shared"),
  .executableTarget(name: "Bench", dependencies: ["Cachecore"], path: "bindings/swift/Bench"),
  .testTarget(
    name: "CachecoreTests", dependencies: ["Cachecore"], path: "bindings/swift/Tests"),
]

let engineTargets: [Target] =
  [
    .target(
      name: "CPlatform", cSettings: isScheduled ? [.define("PLATFORM_SCHEDULED")] : []),
    .target(
      name: "CacheCore", dependencies: ["CPlatform"], exclude: ["README.md"],
      swiftSettings: engineSettings),
    .target(
      name: "CacheCoreABI", dependencies: ["CacheCore", "CCacheCore"],
      swiftSettings: engineSettings, linkerSettings: librarySettings),
    .target(name: "SeededRandom", path: "Tests/SeededRandom"),
    // Processes and what they do to each other; SharingTests runs it.
    .executableTarget(
      name: "sharing", dependencies: ["CacheCore", "SeededRandom"], path: "Tests/Sharing",
      swiftSettings: engineSettings),
    .testTarget(
      name: "CacheCoreTests",
      dependencies: ["CacheCore", "CPlatform", "SeededRandom", "sharing"]),
  ] + scheduledTargets

let package = Package(
  name: "cachecore",
  products: [.library(name: "Cachecore", targets: ["Cachecore"])]
    + (isBinding
      ? [] : [.library(name: "cachecore", type: .dynamic, targets: ["CacheCoreABI"])]),
  targets: bindingTargets + (isBinding ? bindingTests : engineTargets),
  swiftLanguageModes: [.v6]
)
