// The order of forgetting, from either end, for who wants to see it.
//
// LRU's is its list. The adaptive policy decides anew each time, by what is known then;
// its order here is the likely one: probation, which main forgets from, the window,
// whose entries must prove themselves, then protected. Each from the longest unused on.

/// Which end of the order comes first.
package enum EvictionOrder {
  case coldest
  case hottest
}

extension EvictionPolicy {
  /// The first entry in this order.
  package func first(in order: EvictionOrder) -> Ref? {
    isAdaptive ? adaptive.first(in: order) : lru.first(in: order)
  }

  /// The entry after `ref` in this order.
  package func next(after ref: Ref, in order: EvictionOrder) -> Ref? {
    isAdaptive ? adaptive.next(after: ref, in: order) : lru.next(after: ref, in: order)
  }

  /// Which of the policy's groups an entry is in; a lower one is forgotten before a higher.
  package func group(of ref: Ref) -> UInt64 { isAdaptive ? adaptive.group(of: ref) : 0 }
}

extension RecencyList {
  func first(in order: EvictionOrder) -> Ref? { order == .coldest ? oldest : newest }

  func next(after ref: Ref, in order: EvictionOrder) -> Ref? {
    order == .coldest ? newer(than: ref) : older(than: ref)
  }
}

extension AdaptivePolicy {
  /// The lists by their place in the order.
  private static let places = AdaptivePolicy.listCount

  private func list(at place: Int) -> RecencyList {
    switch place {
    case 0: return segmentList(.probation)
    case 1: return segmentList(.window)
    default: return segmentList(.protected)
    }
  }

  private func place(of ref: Ref) -> Int {
    switch segment(ref).plain {
    case .probation: return 0
    case .window: return 1
    default: return 2
    }
  }

  func group(of ref: Ref) -> UInt64 { UInt64(place(of: ref)) }

  func first(in order: EvictionOrder) -> Ref? {
    first(in: order, from: order == .coldest ? 0 : AdaptivePolicy.places - 1)
  }

  func next(after ref: Ref, in order: EvictionOrder) -> Ref? {
    let place = place(of: ref)
    return list(at: place).next(after: ref, in: order)
      ?? first(in: order, from: order == .coldest ? place + 1 : place - 1)
  }

  private func first(in order: EvictionOrder, from start: Int) -> Ref? {
    var place = start
    while place >= 0, place < AdaptivePolicy.places {
      if let ref = list(at: place).first(in: order) { return ref }
      place += order == .coldest ? 1 : -1
    }
    return nil
  }
}
