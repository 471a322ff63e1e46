/**
 * A bounded, concurrent cache of bytes, with lifetimes in milliseconds, which the threads and the
 * processes of a machine share. {@link cachecore.Cache} is where to begin.
 */
package cachecore;
