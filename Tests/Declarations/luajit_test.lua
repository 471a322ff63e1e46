-- cachecore.cdef in LuaJIT's FFI:
--
--     luajit luajit_test.lua CDEF LIBRARY
local ffi = require("ffi")

local file = assert(io.open(arg[1]))
ffi.cdef(file:read("*a"))
file:close()
local C = ffi.load(arg[2])

local function check(actual, expected, what)
  if actual ~= expected then
    error(("%s is %s, not %s"):format(what, tostring(actual), tostring(expected)), 2)
  end
end

-- A struct that begins with its size.
local function sized(name)
  local struct = ffi.new(name)
  struct.struct_size = ffi.sizeof(name)
  return struct
end

local NEVER = 18446744073709551615ULL

local options = sized("cachecore_options_t")
options.max_entries = 100
options.flags = C.CACHECORE_MANUAL_CLOCK
local out = ffi.new("cachecore_t *[1]")
check(C.cachecore_open(options, out), 0, "open")
local cache = ffi.gc(out[0], C.cachecore_close)
check(C.cachecore_version(), C.CACHECORE_VERSION, "the version")
check(ffi.string(C.cachecore_status_text(C.CACHECORE_MISS)), "no live entry under this key", "the text")

-- One entry, with a NUL in it.
local buffer, size = ffi.new("char[64]"), ffi.new("size_t[1]")
check(C.cachecore_get(cache, "key", 3, buffer, 64, size), C.CACHECORE_MISS, "get")
check(C.cachecore_set(cache, "key", 3, "a\0b", 3, NEVER), 0, "set")
check(C.cachecore_get(cache, "key", 3, buffer, 64, size), 0, "get")
check(ffi.string(buffer, size[0]), "a\0b", "the value")
local left = ffi.new("int64_t[1]")
check(C.cachecore_ttl(cache, "key", 3, left), 0, "ttl")
check(left[0], -1LL, "the time left")

-- A packed batch.
local offsets = ffi.new("size_t[4]", 0, 1, 2, 3)
local sizes, statuses = ffi.new("size_t[3]"), ffi.new("cachecore_status_t[3]")
check(C.cachecore_set_packed(cache, 2, "ab", offsets, "12", offsets, nil, statuses), 0, "set_packed")
check(C.cachecore_get_packed(cache, 3, "acb", offsets, buffer, 64, sizes, statuses), 0, "get_packed")
check(statuses[1], C.CACHECORE_MISS, "the status of the second")
check(ffi.string(buffer, 2), "12", "the arena")

-- Statistics by their table.
local stats, field, number = sized("cachecore_stats_t"), sized("cachecore_stats_field_t"), 0
check(C.cachecore_stats(cache, stats), 0, "stats")
while C.cachecore_stats_field(number, field) == 0 do
  if field.size == 8 then
    local word = ffi.cast("uint64_t *", ffi.cast("char *", stats) + field.offset)[0]
    check(word, stats[ffi.string(field.name)], ffi.string(field.name))
  end
  number = number + 1
end
check(number, 21, "the number of fields")
check(stats.entries, 3ULL, "entries")

-- Who computes.
local claim = sized("cachecore_claim_t")
check(C.cachecore_get_or_claim(cache, "k", 1, buffer, 64, size, claim), C.CACHECORE_CLAIMED, "get_or_claim")
check(C.cachecore_fulfill(cache, "k", 1, "computed", 8, 1000, claim), 0, "fulfill")
check(claim.token, 0ULL, "the token")
check(C.cachecore_advance_clock(cache, 1000), 0, "advance_clock")
check(C.cachecore_contains(cache, "k", 1), C.CACHECORE_MISS, "contains")

-- A cache in memory that others can open by its descriptor.
local shared, info = sized("cachecore_shared_options_t"), sized("cachecore_shared_info_t")
shared.fd = -1
check(C.cachecore_open_shared(options, shared, out), 0, "open_shared")
check(C.cachecore_shared_info(out[0], info), 0, "shared_info")
check(info.processes, 1, "processes")
C.cachecore_close(out[0])
print("luajit_test: ok")
