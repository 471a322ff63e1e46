package cachecore;

import java.time.Duration;

/**
 * Hits and misses of the recent past.
 *
 * @param hits reads that found a live entry
 * @param misses reads that did not
 * @param span for how long they were really counted
 */
public record Window(long hits, long misses, Duration span) {}
