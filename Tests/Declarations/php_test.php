<?php
// cachecore.cdef in PHP's FFI:
//
//     php -d ffi.enable=1 php_test.php CDEF LIBRARY
declare(strict_types=1);

const NEVER = -1; // the bits of UINT64_MAX: PHP has no unsigned integers

$c = FFI::cdef(file_get_contents($argv[1]), $argv[2]);

function check(mixed $actual, mixed $expected, string $what): void
{
    if ($actual !== $expected) {
        throw new Exception("$what is " . var_export($actual, true) . ', not ' . var_export($expected, true));
    }
}

/** A struct that begins with its size. */
function sized(FFI $c, string $name): FFI\CData
{
    $struct = $c->new($name);
    $struct->struct_size = FFI::sizeof($struct);
    return $struct;
}

$options = sized($c, 'cachecore_options_t');
$options->max_entries = 100;
$options->flags = $c->CACHECORE_MANUAL_CLOCK;
$out = $c->new('cachecore_t *');
check($c->cachecore_open(FFI::addr($options), FFI::addr($out)), 0, 'open');
$cache = $out;
check($c->cachecore_version(), $c->CACHECORE_VERSION, 'the version');
$text = $c->cachecore_status_text($c->CACHECORE_MISS);
check(is_string($text) ? $text : FFI::string($text), 'no live entry under this key', 'the text');

// One entry, with a NUL in it.
$buffer = $c->new('char[64]');
$size = $c->new('size_t');
check($c->cachecore_get($cache, 'key', 3, $buffer, 64, FFI::addr($size)), $c->CACHECORE_MISS, 'get');
check($c->cachecore_set($cache, 'key', 3, "a\0b", 3, NEVER), 0, 'set');
check($c->cachecore_get($cache, 'key', 3, $buffer, 64, FFI::addr($size)), 0, 'get');
check(FFI::string($buffer, $size->cdata), "a\0b", 'the value');
$left = $c->new('int64_t');
check($c->cachecore_ttl($cache, 'key', 3, FFI::addr($left)), 0, 'ttl');
check($left->cdata, -1, 'the time left');

// A packed batch.
$offsets = $c->new('size_t[4]');
foreach ([0, 1, 2, 3] as $i) {
    $offsets[$i] = $i;
}
$sizes = $c->new('size_t[3]');
$statuses = $c->new('cachecore_status_t[3]');
check($c->cachecore_set_packed($cache, 2, 'ab', $offsets, '12', $offsets, null, $statuses), 0, 'set_packed');
check($c->cachecore_get_packed($cache, 3, 'acb', $offsets, $buffer, 64, $sizes, $statuses), 0, 'get_packed');
check($statuses[1], $c->CACHECORE_MISS, 'the status of the second');
check(FFI::string($buffer, 2), '12', 'the arena');

// Statistics by their table.
$stats = sized($c, 'cachecore_stats_t');
$field = sized($c, 'cachecore_stats_field_t');
check($c->cachecore_stats($cache, FFI::addr($stats)), 0, 'stats');
$bytes = FFI::string(FFI::cast('char *', FFI::addr($stats)), FFI::sizeof($stats));
for ($number = 0; $c->cachecore_stats_field($number, FFI::addr($field)) === 0; $number++) {
    $name = is_string($field->name) ? $field->name : FFI::string($field->name);
    if ($field->size === 8) {
        check(unpack('q', $bytes, $field->offset)[1], $stats->$name, $name);
    }
}
check($number, 21, 'the number of fields');
check($stats->entries, 3, 'entries');

// Who computes.
$claim = sized($c, 'cachecore_claim_t');
$status = $c->cachecore_get_or_claim($cache, 'k', 1, $buffer, 64, FFI::addr($size), FFI::addr($claim));
check($status, $c->CACHECORE_CLAIMED, 'get_or_claim');
check($c->cachecore_fulfill($cache, 'k', 1, 'computed', 8, 1000, FFI::addr($claim)), 0, 'fulfill');
check($claim->token, 0, 'the token');
check($c->cachecore_advance_clock($cache, 1000), 0, 'advance_clock');
check($c->cachecore_contains($cache, 'k', 1), $c->CACHECORE_MISS, 'contains');
$c->cachecore_close($cache);

// A cache in memory that others can open by its descriptor.
$shared = sized($c, 'cachecore_shared_options_t');
$info = sized($c, 'cachecore_shared_info_t');
$shared->fd = -1;
check($c->cachecore_open_shared(FFI::addr($options), FFI::addr($shared), FFI::addr($out)), 0, 'open_shared');
check($c->cachecore_shared_info($out, FFI::addr($info)), 0, 'shared_info');
check($info->processes, 1, 'processes');
$c->cachecore_close($out);
echo "php_test: ok\n";
