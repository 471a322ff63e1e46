// The protocol between readers, who take no lock, and the writer, under the C++ memory
// model: every value that a load may give, in every order of steps.
//
// Relacy (Debian: relacy-dev) runs the threads of a test one step at a time and tries all
// schedules; a load that is not ordered after a store may give an older value.  That is
// what processors such as aarch64 do and x86-64, where all other tests run, does not.
//
// What is played is the order of loads, stores and fences alone, in a cache of one or two
// entries; each test names the function that has it.  A test is also played once for each
// ordering that its protocol rests on, with that ordering weakened: then it must fail, or
// the test shows nothing.
//
//     read_protocol            all tests
//     read_protocol NAME       one of them, with the schedule that breaks it

#include <cstdio>
#include <cstring>
#include <iostream>

#include <relacy/relacy.hpp>

namespace {

using Word = rl::atomic<unsigned>;

// Which ordering is weakened.
enum Weak {
  nothing,
  writersFence,   // none between the new version and what is stored after it
  readersFence,   // none between what was read and the version read again
  versionLoad,    // the version is loaded first without ordering
  slotStore,      // a reference is published without ordering
  pinOrder,       // pins and versions are in no single order
  unpinOrder,     // a pin ends without ordering
  tableFirst,     // who finds nothing looks at the version before the table
};

unsigned get(Word& word, rl::memory_order order = rl::mo_relaxed) {
  return word.load(order, $);
}
void put(Word& word, unsigned value, rl::memory_order order = rl::mo_relaxed) {
  word.store(value, order, $);
}
void fence(rl::memory_order order) { rl::atomic_thread_fence(order, $); }

// Bucket.setVersion without what it says of pins.
template <Weak weak>
void setVersion(Word& version, unsigned value) {
  version.exchange(value, weak == pinOrder ? rl::mo_acq_rel : rl::mo_seq_cst, $);
  if (weak != writersFence) fence(rl::mo_release);
}

// The version, read first.
template <Weak weak>
unsigned versionOf(Word& version) {
  return get(version, weak == versionLoad ? rl::mo_relaxed : rl::mo_acquire);
}

// Shard.isUnchanged.
template <Weak weak>
bool isUnchanged(Word& version, unsigned since) {
  if (weak != readersFence) fence(rl::mo_acquire);
  return since % 2 == 0 && get(version) == since;
}

// An entry: a key and a value, which go together: the value is the key times ten and more.
struct Entry {
  Word key, value;
  void set(unsigned newKey, unsigned newValue) {
    put(key, newKey);
    put(value, newValue);
  }
  void init(unsigned newKey, unsigned newValue) { set(newKey, newValue); }
};

// A key's value is replaced, and the old entry's memory is used for another key:
// Index.replace, Shard.attempt.
template <Weak weak>
struct Replace : rl::test_suite<Replace<weak>, 2> {
  Word version, slot;
  Entry entries[2];

  void before() {
    put(version, 2);
    put(slot, 0);
    entries[0].init(1, 10);
    entries[1].init(0, 0);
  }
  void thread(unsigned number) {
    if (number == 0) {
      entries[1].set(1, 11);
      put(slot, 1, weak == slotStore ? rl::mo_relaxed : rl::mo_release);
      setVersion<weak>(version, 4);
      entries[0].set(2, 20);
    } else {
      unsigned since = versionOf<weak>(version);
      Entry& entry = entries[get(slot, rl::mo_acquire)];
      unsigned key = get(entry.key), value = get(entry.value);
      if (!isUnchanged<weak>(version, since)) return;
      RL_ASSERT(key == 1);  // it is the only one that this slot ever has
      RL_ASSERT(value == 10 || value == 11);
    }
  }
};

// A value is written over the present one: Index.beginWriting, Shard.overwrite.
template <Weak weak>
struct InPlace : rl::test_suite<InPlace<weak>, 2> {
  Word version, low, high;

  void before() {
    put(version, 2);
    put(low, 1);
    put(high, 1);
  }
  void thread(unsigned number) {
    if (number == 0) {
      setVersion<weak>(version, 3);
      put(low, 2);
      put(high, 2);
      setVersion<weak>(version, 4);
    } else {
      unsigned since = versionOf<weak>(version);
      unsigned lowRead = get(low), highRead = get(high);
      if (isUnchanged<weak>(version, since)) RL_ASSERT(lowRead == highRead);
    }
  }
};

// A slot moves within a chain: Index.shorten.  The entry is there all the time.
template <Weak weak>
struct Move : rl::test_suite<Move<weak>, 2> {
  Word version, slots[2];

  void before() {
    put(version, 2);
    put(slots[0], 0);
    put(slots[1], 1);
  }
  void thread(unsigned number) {
    if (number == 0) {
      put(slots[0], 1, rl::mo_release);
      setVersion<weak>(version, 4);
      put(slots[1], 0);
    } else {
      unsigned since = versionOf<weak>(version);
      bool isFound = get(slots[0]) != 0 || get(slots[1]) != 0;
      if (isUnchanged<weak>(version, since)) RL_ASSERT(isFound);
    }
  }
};

// A slot moves to another bucket and back: Index.grow, Index.contract, and in
// Shard.attempt what a reader does who finds nothing.  The entry is there all the time.
template <Weak weak>
struct Split : rl::test_suite<Split<weak>, 2> {
  Word table, versions[2], slots[2];

  void before() {
    put(table, 1);
    put(versions[0], 2);
    put(versions[1], 4);
    put(slots[0], 1);
    put(slots[1], 0);
  }
  void thread(unsigned number) {
    if (number == 0) {
      put(slots[1], 1, rl::mo_release);
      setVersion<weak>(versions[1], 6);
      put(table, 2, rl::mo_release);
      setVersion<weak>(versions[0], 8);
      put(slots[0], 0);
      setVersion<weak>(versions[0], 10);
      // And back.
      put(slots[0], 1, rl::mo_release);
      setVersion<weak>(versions[0], 12);
      put(table, 1, rl::mo_release);
      setVersion<weak>(versions[1], 14);
      put(slots[1], 0);
      setVersion<weak>(versions[1], 16);
    } else {
      unsigned size = get(table, rl::mo_acquire);
      Word& version = versions[size - 1];
      unsigned since = versionOf<weak>(version);
      bool isFound = get(slots[size - 1]) != 0;
      if (isFound) return;
      if (weak != readersFence) fence(rl::mo_acquire);
      bool isSettled = weak == tableFirst
        ? isUnchanged<weak>(version, since) && get(table, rl::mo_acquire) == size
        : get(table, rl::mo_acquire) == size && isUnchanged<weak>(version, since);
      RL_ASSERT(!isSettled);
    }
  }
};

// A reader writes to an entry, whose memory the writer is about to use for another:
// Bucket.tryPin and unpin, Index.changeVersion, Shard.use.
template <Weak weak>
struct Pin : rl::test_suite<Pin<weak>, 2> {
  Word version, pins;
  rl::var<unsigned> key, use;  // so that it is an error, too, if both write at once

  void before() {
    put(version, 2);
    put(pins, 0);
    VAR(key) = 1;
    VAR(use) = 0;
  }
  void thread(unsigned number) {
    rl::memory_order total = weak == pinOrder ? rl::mo_acq_rel : rl::mo_seq_cst;
    rl::memory_order totalLoad = weak == pinOrder ? rl::mo_acquire : rl::mo_seq_cst;
    if (number == 0) {
      setVersion<weak>(version, 4);
      if (get(pins, totalLoad) != 0) {
        rl::linear_backoff backoff;
        while (get(pins, rl::mo_acquire) != 0) backoff.yield($);
      }
      VAR(key) = 2;
      VAR(use) = 0;
    } else {
      unsigned before = pins.fetch_add(1, total, $);
      if (before < 128 && get(version, totalLoad) == 2) {
        RL_ASSERT(VAR(key) == 1);
        VAR(use) = 7;
      }
      pins.fetch_sub(1, weak == unpinOrder ? rl::mo_relaxed : rl::mo_release, $);
    }
  }
};

const char* only = nullptr;
int failures = 0;

// Plays a test in all schedules.  The report of one that broke it is shown if the test was
// asked for.
template <class Test>
bool play(const char* name) {
  static std::ostream nowhere(nullptr);
  rl::test_params params;
  params.search_type = rl::sched_full;
  params.output_stream = only ? &std::cout : &nowhere;
  params.progress_stream = &nowhere;
  bool isGood = rl::simulate<Test>(params);
  std::printf("%-35s %6llu schedules, ", name,
              static_cast<unsigned long long>(params.stop_iteration));
  return isGood;
}

template <class Test>
void mustHold(const char* name) {
  if (only && std::strcmp(only, name) != 0) return;
  bool isGood = play<Test>(name);
  std::puts(isGood ? "holds" : "BROKEN");
  failures += !isGood;
}

template <class Test>
void mustBreak(const char* name) {
  if (only && std::strcmp(only, name) != 0) return;
  bool isGood = play<Test>(name);
  std::puts(isGood ? "HOLDS, SO IT TESTS NOTHING" : "breaks, as it must");
  failures += isGood;
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) only = arguments[1];

  mustHold<Replace<nothing>>("replace");
  mustBreak<Replace<writersFence>>("replace-without-writers-fence");
  mustBreak<Replace<readersFence>>("replace-without-readers-fence");
  mustBreak<Replace<slotStore>>("replace-without-release-of-slot");

  mustHold<InPlace<nothing>>("in-place");
  mustBreak<InPlace<writersFence>>("in-place-without-writers-fence");
  mustBreak<InPlace<readersFence>>("in-place-without-readers-fence");
  mustBreak<InPlace<versionLoad>>("in-place-without-acquire-of-version");

  mustHold<Move<nothing>>("move");
  mustBreak<Move<writersFence>>("move-without-writers-fence");
  mustBreak<Move<readersFence>>("move-without-readers-fence");

  mustHold<Split<nothing>>("split");
  mustBreak<Split<writersFence>>("split-without-writers-fence");
  mustBreak<Split<readersFence>>("split-without-readers-fence");
  mustBreak<Split<tableFirst>>("split-looking-at-the-table-last");

  mustHold<Pin<nothing>>("pin");
  mustBreak<Pin<pinOrder>>("pin-without-total-order");
  mustBreak<Pin<unpinOrder>>("pin-without-release-at-its-end");

  std::printf("%d failed\n", failures);
  return failures != 0;
}
