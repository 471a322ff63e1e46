import CacheCore
import Foundation
import Synchronization

/// A file with a table of processes, and a word for each slot.
struct Shared {
  let file: SharedFile
  let base: UnsafeMutableRawPointer
  let table: ProcessTable
  let slots: UInt32

  private static let tableOffset = 4096

  private static func wordsOffset(_ slots: UInt32) -> Int {
    tableOffset + Int(ProcessTableLayout.size(slots: slots))
  }

  static func size(_ slots: UInt32) -> UInt64 {
    Geometry.roundedToPages(UInt64(wordsOffset(slots)) + UInt64(slots) * 8)
  }

  init(_ file: SharedFile, _ base: UnsafeMutableRawPointer, slots: UInt32) {
    (self.file, self.base, self.slots) = (file, base, slots)
    table = ProcessTable(base + Shared.tableOffset, slots: slots, file: file)
  }

  /// Makes it, or finds it made.
  static func open(_ path: String?, descriptor: Int32 = -1, slots: UInt32) -> Shared {
    var refusal = FileRefusal.noMemory
    let opened =
      if let path {
        path.withCString { SharedFile.open(path: $0, refusal: &refusal) }
      } else {
        SharedFile.open(path: nil, descriptor: descriptor, refusal: &refusal)
      }
    guard let file = opened else { fail("to open: \(refusal)") }
    require(!file.isEmpty || file.setSize(size(slots), refusal: &refusal), "a size: \(refusal)")
    guard let base = file.map(size(slots)) else { fail("to map") }
    if file.isEmpty {
      require(file.commit(base, size(slots)), "to commit")
      base.storeBytes(of: RegionHeader.magic, as: UInt64.self)
    }
    require(file.finish(refusal: &refusal), "to finish: \(refusal)")
    return Shared(file, base, slots: slots)
  }

  /// In the child of a fork: the parent's mapping again, at the same place.
  func mapAgain() {
    file.becomeChild()
    require(file.map(Shared.size(slots), at: base) == base, "to map where the parent has it")
  }

  func word(_ slot: UInt32) -> UnsafeMutablePointer<Atomic<UInt64>> {
    (base + Shared.wordsOffset(slots) + Int(slot) * 8)
      .assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  func word(of owner: UInt32) -> UnsafeMutablePointer<Atomic<UInt64>> {
    word(ProcessTable.Owner.slot(of: owner))
  }

  /// The owner id, or why there is none.
  func tryJoin(_ reap: (UInt32) -> Void = { _ in }) -> (owner: UInt32?, refusal: FileRefusal) {
    var refusal = FileRefusal.noMemory
    let owner = table.join(refusal: &refusal, reap: reap)
    return (owner, refusal)
  }

  func join(_ reap: (UInt32) -> Void = { _ in }) -> UInt32 {
    let (owner, refusal) = tryJoin(reap)
    guard let owner, owner != 0, owner == table.owner else { fail("to join: \(refusal)") }
    require(owner >> 31 == 0 && !table.isDead(owner), "an owner that lives")
    return owner
  }

  func leave() {
    table.leave()
    file.unmap()
    file.close()
  }

  /// Another process that joins, says who it is, and does as `body` says.
  static func child(
    _ path: String, slots: UInt32,
    _ body: @escaping (Shared, Child.Ends) -> Bool = { _, ends in
      ends.go.wait()
      return true
    }
  ) -> (child: Child, owner: UInt32) {
    let child = Child { told, go in
      let shared = Shared.open(path, slots: slots)
      let owner = shared.join()
      told.send(UInt64(owner))
      return body(shared, (told, go))
    }
    return (child, UInt32(child.told.wait()))
  }
}

extension Child {
  typealias Ends = (told: Signal, go: Signal)
}

/// Says that a scenario cannot run here; it returns then. With CACHECORE_NO_SKIPS in the
/// environment, as in CI, it has failed.
func skip(_ why: String, file: StaticString = #fileID, line: UInt = #line) {
  if getenv("CACHECORE_NO_SKIPS") != nil {
    fail("skipped, and CACHECORE_NO_SKIPS is set: \(why)", file: file, line: line)
  }
  print("skipped: \(why)")
}

func fail(_ what: String, file: StaticString = #fileID, line: UInt = #line) -> Never {
  require(false, what, file: file, line: line)
  fatalError()
}
