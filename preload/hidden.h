/* Included before every source of the engine image: all symbols are the image's own, so that -fPIC code
 * reaches them RIP-relative and not through a table. */
#pragma GCC visibility push(hidden)
