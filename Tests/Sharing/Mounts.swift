import Foundation

// File systems that a process has for itself.

@_silgen_name("unshare") private func unshared(_ flags: Int32) -> Int32
@_silgen_name("mount") private func mounted(
  _ source: UnsafePointer<CChar>, _ target: UnsafePointer<CChar>,
  _ kind: UnsafePointer<CChar>?, _ flags: UInt, _ data: UnsafePointer<CChar>?
) -> Int32
@_silgen_name("umount2") private func unmounted(
  _ target: UnsafePointer<CChar>, _ flags: Int32
) -> Int32

private let newMounts: Int32 = 0x0002_0000
private let newUser: Int32 = 0x1000_0000
private let newProcesses: Int32 = 0x2000_0000
private let recursivelyPrivate: UInt = 16384 | 1 << 18

/// Whether this process may mount things from now on, which nobody else sees.
func haveOwnMounts(alsoProcesses: Bool = false) -> Bool {
  let flags = newMounts | (alsoProcesses ? newProcesses : 0)
  if unshared(flags) != 0 {
    let user = getuid()
    guard unshared(flags | newUser) == 0 else { return false }
    try? "0 \(user) 1".write(toFile: "/proc/self/uid_map", atomically: false, encoding: .utf8)
  }
  return mounted("none", "/", nil, recursivelyPrivate, nil) == 0
}

func mountTmpfs(_ directory: String, _ options: String) -> Bool {
  mounted("none", directory, "tmpfs", 0, options) == 0
}

func mountOverlay(_ directory: String, over: String, upper: String, work: String) -> Bool {
  let options = "lowerdir=\(over),upperdir=\(upper),workdir=\(work)"
  return mounted("none", directory, "overlay", 0, options) == 0
}

/// A tmpfs of 1 MB beside `path`; nil, and a line that says so, if none can be had.
func smallFileSystem(_ path: String) -> String? {
  let directory = path + ".mount"
  mkdir(directory, 0o700)
  if haveOwnMounts(), mountTmpfs(directory, "size=1m,mode=700") { return directory }
  rmdir(directory)
  skip("no tmpfs can be mounted here")
  return nil
}

func unmount(_ directory: String) {
  _ = unmounted(directory, 2)
  rmdir(directory)
}
