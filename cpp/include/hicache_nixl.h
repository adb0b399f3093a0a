/* SPDX-License-Identifier: Apache-2.0
 *
 * hicache_nixl.h - the C boundary of the KV-page store: the only header that Java and the native harness see.
 *
 * Shape of a call: submit a batch, receive its event, read its results, free it.
 *
 *   int64_t batch = hicache_submit_set(store, n, keys, key_lengths, NULL, NULL, addresses, lengths, NULL, NULL, NULL, NULL,
 *                                      NULL, 0, 30000, &error);
 *   int32_t events = 0;
 *   while (hicache_next_event(store, 1000, &events) != batch) {}
 *   hicache_batch_results(store, batch, n, outcomes, page_lengths, flags);
 *   hicache_batch_free(store, batch);
 *
 * Conventions
 *   Lengths and offsets are bytes, times are milliseconds. Text is UTF-8, passed as int8_t with a length, never NUL terminated.
 *   A settings blob is a sequence of name NUL value NUL pairs; a name may repeat where a list is meant.
 *   A function that can fail takes a hicache_error and fills it on failure only.
 *   Threads: every function may be called from any number of threads, except where its comment says otherwise.
 */
#ifndef HICACHE_NIXL_H
#define HICACHE_NIXL_H

#include <stdint.h>

#if defined(__GNUC__)
#define HICACHE_API __attribute__((visibility("default")))
#else
#define HICACHE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Error codes; hicache_error.code holds one of them. */
enum hicache_code {
  HICACHE_OK = 0,
  HICACHE_INVALID_ARGUMENT = 1,
  HICACHE_NOT_FOUND = 2,
  HICACHE_BACKEND_UNAVAILABLE = 3,
  HICACHE_UNSUPPORTED = 4,
  HICACHE_IO = 5,
  HICACHE_NO_SPACE = 6,
  HICACHE_CORRUPT = 7,
  HICACHE_TRANSFER_FAILED = 8,
  HICACHE_TIMEOUT = 9,
  HICACHE_CLOSED = 10,
  HICACHE_INTERNAL = 11
};

/* What became of one key of a batch. A miss is an outcome, never an error. */
enum hicache_outcome {
  HICACHE_PENDING = 0,         /* not settled yet */
  HICACHE_STORED = 1,          /* set: the page is whole under its final name */
  HICACHE_HIT = 2,             /* get: the target holds the page; exists: the page is there; pin: its lease is set */
  HICACHE_MISS = 3,            /* get, exists, delete, pin: no such page */
  HICACHE_SKIPPED = 4,         /* set: superseded by a later entry with the same key in the same batch, or there already, see
                                  enum hicache_set_flag */
  HICACHE_OUTCOME_CORRUPT = 5, /* get: length or checksum is wrong; the target's content is undefined */
  HICACHE_FAILED = 6,          /* see hicache_batch_cause */
  HICACHE_TIMED_OUT = 7,       /* the deadline passed; a late set leaves the whole page or nothing */
  HICACHE_REMOVED = 8,         /* delete: the page was there and is gone */
  HICACHE_CANCELLED = 9        /* see hicache_batch_cancel; a late set leaves the whole page or nothing */
};

/* Bits of the flags of one key. */
enum hicache_flag {
  HICACHE_FLAG_UNVERIFIED = 1, /* hit of a page without our attributes (written by another program, or the file system has
                                  none): its length was checked, a checksum could not be */
  HICACHE_FLAG_BUFFERED = 2    /* direct I/O was asked for, and this page went through the page cache because its length is
                                  not a multiple of the block size */
};

/* Bits of hicache_next_event. */
enum hicache_event {
  HICACHE_EVENT_COMPLETED = 1, /* every key is settled: hicache_batch_results is final */
  HICACHE_EVENT_RELEASED = 2   /* the batch's memory is no longer read or written: free it. After a time-out or a cancel this
                                  comes later, when the transfer has drained, or never while the storage hangs */
};

/* What a set or a get does with each part of its batch, one after the other; see hicache_batch_timing. */
enum hicache_phase {
  HICACHE_PHASE_PREPARE = 0,  /* open or make the files, stage what has to be, checksum what is set */
  HICACHE_PHASE_POST = 1,     /* register, create the request and hand it to NIXL, which copies part of buffered pages there */
  HICACHE_PHASE_TRANSFER = 2, /* from then on until NIXL has reported it done */
  HICACHE_PHASE_FINISH = 3,   /* publish, or verify */
  HICACHE_PHASES = 4
};

/* Memory types, numbered as NIXL numbers them. */
enum hicache_memory_type {
  HICACHE_MEMORY_DRAM = 0,
  HICACHE_MEMORY_VRAM = 1,
  HICACHE_MEMORY_OBJECT = 3,
  HICACHE_MEMORY_FILE = 4
};

/* Bits of the flags of hicache_memory_allocate. */
enum hicache_memory_flag {
  HICACHE_MEMORY_HUGE_PAGES = 1, /* pages of 2 MiB */
  HICACHE_MEMORY_PINNED = 2      /* page-locked for all CUDA devices */
};

enum hicache_limit {
  HICACHE_KEY_BYTES_MAX = 65535,
  HICACHE_RANK_MAX = 8,
  HICACHE_MESSAGE_BYTES = 2048,
  HICACHE_COMPONENT_BYTES = 64,
  HICACHE_DTYPE_UNKNOWN = -1
};

/* Where a page's memory is said to be: a CUDA ordinal, or one of these. */
enum hicache_device { HICACHE_DEVICE_HOST = -1, HICACHE_DEVICE_UNKNOWN = -2 };

/* Filled on failure. message is UTF-8, NUL terminated, cut at a character's boundary. */
typedef struct hicache_error {
  int32_t code;         /* enum hicache_code */
  int32_t nixl_status;  /* status of the NIXL call that failed, 0 when none did */
  int32_t error_number; /* errno of the system call that failed, 0 when none did */
  int8_t message[HICACHE_MESSAGE_BYTES];
} hicache_error;

/* One page as the directory shows it, see hicache_find and hicache_listing_next. */
typedef struct hicache_page_info {
  int64_t length;        /* payload bytes: from its attributes when sealed, else the file's size */
  int64_t file_length;   /* bytes in the file; differs from length when the page is damaged */
  int64_t modified_time; /* milliseconds since 1970 */
  int64_t version;       /* another one once the page is replaced; see hicache_remove */
  int32_t sealed;        /* 1: carries our attributes (length, checksum, dtype, shape) */
  int32_t dtype;         /* libtorch ScalarType number, HICACHE_DTYPE_UNKNOWN where not known */
  int32_t rank;          /* 0..HICACHE_RANK_MAX */
  int64_t dims[HICACHE_RANK_MAX];
  int8_t component[HICACHE_COMPONENT_BYTES]; /* "_k", "_v", ... where the page is one of several files; NUL terminated */
} hicache_page_info;

typedef struct hicache_store hicache_store;
typedef struct hicache_listing hicache_listing;
typedef struct hicache_fence hicache_fence;
typedef struct hicache_agent hicache_agent;
typedef struct hicache_registration hicache_registration;

/* ---- store ---------------------------------------------------------------------------------------------------------- */

/* Opens a store. The settings, all optional but storage_dir:
 *   storage_dir (repeats)  base directories, made when missing; pages are spread over them by name. Not for layout objects
 *   backend                auto | 3FS | POSIX | GDS_MT | GDS | OBJ | AZURE_BLOB                default auto
 *   plugin.NAME            parameter NAME of the NIXL plugin, e.g. plugin.use_uring = true
 *   layout                 files: one a page, under SGLang's names | segments: pages in large files | objects: one a page, in a
 *                          bucket | auto: objects for OBJ and AZURE_BLOB; files where hosts share a file system; the layout of
 *                          the pages that are there, segments before files; else segments      default auto
 *   segment_bytes          for segments: size of a segment where a directory gets its first one, a multiple of 1 MiB; a page
 *                          of more than an eighth of it has one of its own. 0: 512 MiB, or less: 1/16 of the capacity, 1/64
 *                          of the disk                                                         default 0
 *   durability             for segments, what survives when the machine stops: none | data: all but the latest sets |
 *                          full: every set that was reported. The end of a process loses nothing        default none
 *   object_prefix          for objects: stands in front of every object's name                 default empty
 *   object_format          for objects, sealed: a header of 512 bytes with length, checksum, dtype and shape, then the page |
 *                          raw: the page alone, as SGLang writes it, which nothing can verify  default sealed
 *   allow_http             for objects: true: http also to other machines | false              default false
 *   retry_attempts         for objects, 1..10: how often a request is made that fails          default 3
 *   breaker_failures       for objects: so many failed requests in a row, and further ones are refused at once; 0: never
 *                                                                                              default 5
 *   breaker_pause          for objects: milliseconds until one request is let through again, twice as many after each that
 *                          fails, up to 60000                                                  default 5000
 *   naming                 sglang (bucketed) | sglang-v0 (flat) | namespace (bucketed); objects are never bucketed
 *                                                                                              default sglang
 *   model, tp_rank, tp_size, mla    parts of the name's suffix in sglang and sglang-v0         default "", 0, 1, false
 *   namespace_digest       32 lowercase hexadecimal digits, the name's suffix in namespace; required there, refused elsewhere.
 *                          Stores with the same digest share their pages: it has to stand for all that tells pages apart
 *   direct_io              true: O_DIRECT where the directory takes it | false                 default true
 *   gpu_staging            pages on CUDA devices, where the backend moves host memory only: auto, always: pass through pinned
 *                          memory of the lanes | never: are refused                            default auto
 *   checksum               true | false: verify XXH3 on get                                    default true
 *   remove_corrupt         true: a get removes a page of ours that it finds damaged | false    default true
 *   capacity_bytes         most bytes of pages in all base directories together, each page
 *                          counted in whole units of 4096 bytes; 0: no limit                   default 0
 *   min_free_bytes         what a set leaves free on each file system     default: the smaller of 1 GiB and 2 % of it
 *   ttl_seconds            a page written longer ago is a miss, and goes; 0: pages live on     default 0
 *   l3_cleaner_enabled     true | false: evict     default: true with a capacity, a ttl, or another l3_cleaner setting
 *   l3_cleaner_high_watermark, l3_cleaner_low_watermark   percent of the file system, or of l3_cleaner_capacity_gb where that
 *                          is given: eviction begins at high and ends at low                   default 80, 70
 *   l3_cleaner_capacity_gb capacity_bytes in units of 2^30 bytes, as SGLang gives it; with capacity_bytes eviction begins at
 *                          90 % of it and ends at 80 %                                         default: no limit
 *   lanes                  1..64 worker threads, each with its own agent; 0: by the machine, 2 for objects    default 0
 *   chunk_pages, chunk_bytes   largest part of a batch that a lane takes at once; chunk_bytes 0: 8 MiB      default 32, 0
 *   request_bytes          most bytes of one transfer request, a multiple of 4096; larger pages go in several requests, one
 *                          after the other; 0: all of a chunk where a directory takes direct I/O, else 512 KiB  default 0
 *                          Objects are always moved one by one
 *   chunks_in_flight       chunks that one lane has under way; 0: 16 objects, 4 with direct I/O, else 1       default 0
 *   close_timeout          milliseconds that a free without a close waits                      default 5000
 * An unknown name is refused. Returns NULL with *error filled on failure; then nothing is left open. */
HICACHE_API hicache_store* hicache_store_open(const int8_t* settings, int64_t settings_length, hicache_error* error);

/* Takes no more batches, waits up to timeout_millis for those in flight, and times out the rest: every batch still gets its
 * COMPLETED event, and hicache_next_event answers -1 once all are handed out. Idempotent. Returns 1 when everything drained,
 * 0 when a transfer hangs: its lane, memory and files stay in quarantine until it drains. */
HICACHE_API int32_t hicache_store_close(hicache_store* store, int64_t timeout_millis);

/* Closes if need be, and frees the handle. No other call on the store may be running or follow. */
HICACHE_API void hicache_store_free(hicache_store* store);

/* Writes a settings blob that describes the store into text (capacity bytes at most) and returns the bytes it needs; call again
 * with more room when that is larger than capacity. Names, with I and J counting from 0:
 *   backend, nixl_plugin, queue, layout, naming, suffix, lanes, lanes_in_quarantine, batches, pages_in_flight, nixl_path
 *   layout_reason (of layout auto; else empty)
 *   chunk_pages, chunk_bytes, request_bytes (0: all of a chunk), chunks_in_flight (as they are in use)
 *   capacity_bytes (0: none), eviction (true|false), usage_bytes (of all pages in the directories and of sets under way, -1
 *   where nothing is counted), usage_ready (true|false: the pages have been counted), evicted_pages, evicted_bytes,
 *   eviction_rounds, eviction_problem (why the last round or count could not do all), refused_no_space (pages): of this store
 *   object_endpoint, object_bucket, object_prefix, object_format, object_retries, object_failures (requests), breaker (closed|
 *   open|half_open), breaker_failures (in a row now), breaker_openings, probe_object (what the self-test has put there; NIXL
 *   cannot delete it): of layout objects, which has no capacity, eviction, usage and directories
 *   directory.I.path, .file_system, .direct_io (true|false), .direct_io_reason, .alignment, .attributes (true|false),
 *   directory.I.stale_files_swept, .room_bytes (what sets may still take of its file system; -1: not known), .free_slot_bytes
 *   (of its segments)
 *   candidate.J.backend, .plugin, .state (selected|passed over|not tried), .reason, .advice */
HICACHE_API int64_t hicache_store_describe(hicache_store* store, int8_t* text, int64_t capacity);

/* Evicts now: what has expired, then the pages not used for longest, down to the low marks. Waits up to timeout_millis for its
 * turn; calling thread. Returns 1 with the number of pages and their bytes, or 0 with *error filled: UNSUPPORTED where eviction
 * is off, TIMEOUT. */
HICACHE_API int32_t hicache_store_evict(hicache_store* store, int64_t timeout_millis, int64_t* pages, int64_t* bytes,
                                        hicache_error* error);

/* ---- batches -------------------------------------------------------------------------------------------------------- */

/* Bits of the flags of a set. */
enum hicache_set_flag {
  HICACHE_SET_SKIP_EXISTING = 1, /* SKIPPED, without a transfer, for a page that is stored already: same length, checksum, dtype
                                    and shape in its attributes. A page without attributes is stored anew */
  HICACHE_SET_KEEP_EXISTING = 2 /* SKIPPED where there is a page under the key, whatever its bytes; also when it comes while the
                                   set is under way */
};

/* Stores each page under its key, replacing what was there; a reader sees the old page, the new page, or none.
 * keys: concatenated UTF-8; key_lengths[i] bytes each, 1..HICACHE_KEY_BYTES_MAX and a component.
 * component_lengths: how many bytes at the end of each key are not the key but a component ("_k", "_v", "_mamba_temporal", as
 * SGLang names the files of one page); NULL: none. It stands at the end of the file's name, behind model and rank.
 * addresses, lengths: contiguous ranges in bytes, borrowed until HICACHE_EVENT_RELEASED: a page's blocks, page after page.
 * block_counts: the number of blocks of each page; NULL: one each. The page's bytes are its blocks one after the other.
 * Length 0 is a page of no bytes. A page lies on one device, or on the host.
 * devices: for each page where the caller takes its memory to be, a CUDA ordinal or enum hicache_device; a page that lies
 * elsewhere fails with INVALID_ARGUMENT. NULL: not said; the store finds out by itself.
 * fence: what must be done on devices before the pages' memory is read or written, borrowed for the call; NULL: nothing.
 * dtypes (NULL: unknown), ranks and dims (both NULL: unknown): libtorch ScalarType, number of dims, and all dims concatenated.
 * A bad entry fails alone (HICACHE_FAILED, see hicache_batch_cause); its neighbours are stored.
 * Returns a batch id > 0, or 0 with *error filled; then nothing was started. */
HICACHE_API int64_t hicache_submit_set(hicache_store* store, int64_t n, const int8_t* keys, const int32_t* key_lengths,
                                       const int32_t* component_lengths, const int32_t* block_counts, const int64_t* addresses,
                                       const int64_t* lengths, const int32_t* dtypes, const int32_t* ranks, const int64_t* dims,
                                       const int32_t* devices, hicache_fence* fence, int32_t flags, int64_t timeout_millis,
                                       hicache_error* error);

/* Fills each page's blocks with the page under its key. A page of another length or dtype than its target fails with
 * INVALID_ARGUMENT. Anything but HICACHE_HIT leaves the target undefined. Arguments as in hicache_submit_set. */
HICACHE_API int64_t hicache_submit_get(hicache_store* store, int64_t n, const int8_t* keys, const int32_t* key_lengths,
                                       const int32_t* component_lengths, const int32_t* block_counts, const int64_t* addresses,
                                       const int64_t* lengths, const int32_t* dtypes, const int32_t* devices,
                                       hicache_fence* fence, int64_t timeout_millis, hicache_error* error);

/* Marks what n CUDA streams have been given so far; streams: cudaStream_t of the device beside it, 0 for the device's default
 * stream. The batches that get the fence touch the memory of devices only after that, without blocking the caller. What a batch
 * does on devices is done when it completes. NULL with *error filled on failure. */
HICACHE_API hicache_fence* hicache_fence_create(int32_t n, const int32_t* devices, const int64_t* streams,
                                                hicache_error* error);

/* May be freed as soon as its batches are submitted. */
HICACHE_API void hicache_fence_free(hicache_fence* fence);

/* HIT for each page that is whole, else MISS. lengths: the length each page must have, NULL or -1 where not known. */
HICACHE_API int64_t hicache_submit_exists(hicache_store* store, int64_t n, const int8_t* keys, const int32_t* key_lengths,
                                          const int32_t* component_lengths, const int64_t* lengths, int64_t timeout_millis,
                                          hicache_error* error);

/* REMOVED or MISS for each key. UNSUPPORTED for objects, as hicache_submit_clear, _pin, hicache_find, _remove and listings:
 * NIXL reads and writes objects and does nothing else with them. */
HICACHE_API int64_t hicache_submit_delete(hicache_store* store, int64_t n, const int8_t* keys, const int32_t* key_lengths,
                                          const int32_t* component_lengths, int64_t timeout_millis, hicache_error* error);

/* Pins pages for lease_millis (up to 30 days) from now: no process evicts them, nor the other files of the same page, before
 * that time; 0 unpins. The lease is kept with the page, so that it outlives this process and ends by itself; a set keeps it, a
 * delete and a clear do not, and a page past its ttl_seconds goes all the same. HIT or MISS for each key, or FAILED with
 * UNSUPPORTED where the file system does not keep access times. */
HICACHE_API int64_t hicache_submit_pin(hicache_store* store, int64_t n, const int8_t* keys, const int32_t* key_lengths,
                                       const int32_t* component_lengths, int64_t lease_millis, int64_t timeout_millis,
                                       hicache_error* error);

/* Removes every page of this store's naming (model and rank, or namespace) from its directories, nothing else. One result:
 * REMOVED, with the number of pages as its page length, or FAILED. */
HICACHE_API int64_t hicache_submit_clear(hicache_store* store, int64_t timeout_millis, hicache_error* error);

/* Waits up to timeout_millis for something to happen to a batch. Returns its id with *events holding bits of hicache_event, 0
 * when nothing happened, -1 when the store is closed and nothing is left. One thread at a time. */
HICACHE_API int64_t hicache_next_event(hicache_store* store, int64_t timeout_millis, int32_t* events);

/* Waits up to timeout_millis for one batch to complete, for a caller that has nothing else to do: takes the batch's COMPLETED
 * event, which hicache_next_event then does not give, and returns its bits (RELEASED among them when the memory is free too;
 * else that event comes through hicache_next_event). Returns 0 when the event is in the queue already, when time ran out, or
 * when there is no such batch: hicache_next_event gives it then. One thread at a time for each batch. */
HICACHE_API int32_t hicache_batch_wait(hicache_store* store, int64_t batch, int64_t timeout_millis);

/* Settles every key of a batch that is still open as CANCELLED, at once. What no lane has begun is dropped and touches no file;
 * what is in flight runs on to its end, holds the batch's memory until RELEASED, and publishes nothing it has not begun to
 * publish. Returns 1 when a key was open, else 0: the batch had completed, or there is no such batch. */
HICACHE_API int32_t hicache_batch_cancel(hicache_store* store, int64_t batch);

/* Copies the results of the first n keys: outcome, page length (bytes moved; for exists: the page's length), flags. Returns the
 * batch's number of keys, or -1 when there is no such batch. */
HICACHE_API int64_t hicache_batch_results(hicache_store* store, int64_t batch, int64_t n, int32_t* outcomes,
                                          int64_t* page_lengths, int32_t* flags);

/* Fills cause for a key that is FAILED, CORRUPT or TIMED_OUT and returns 1; returns 0 when there is none, as for CANCELLED. */
HICACHE_API int32_t hicache_batch_cause(hicache_store* store, int64_t batch, int64_t index, hicache_error* cause);

/* Where the time of a completed batch went: for each enum hicache_phase the nanoseconds that all its parts took together, in
 * HICACHE_PHASES entries. Parts run side by side, so that the sum may be more than the batch took. Returns the number of parts
 * that the lanes moved, 0 for operations other than set and get, or -1 when there is no such batch. */
HICACHE_API int64_t hicache_batch_timing(hicache_store* store, int64_t batch, int64_t* nanos);

/* Forgets a batch; to be called once after its last event. */
HICACHE_API void hicache_batch_free(hicache_store* store, int64_t batch);

/* ---- memory that stays -------------------------------------------------------------------------------------------------- */

/* Makes host memory known that many batches will use, such as a pool of pages: each lane registers it with NIXL once, and no
 * transfer within it registers anything again. The memory must stay until hicache_memory_deregister. Returns an id > 0, or 0
 * with *error filled. */
HICACHE_API int64_t hicache_memory_register(hicache_store* store, int64_t address, int64_t length, hicache_error* error);

/* Forgets it, waiting up to timeout_millis for the lanes to let go. Returns 1, or 0 when a transfer hangs: then the memory must
 * stay for ever. An unknown id is 1. */
HICACHE_API int32_t hicache_memory_deregister(hicache_store* store, int64_t id, int64_t timeout_millis);

/* ---- looking at a directory (calling thread, no deadline) ------------------------------------------------------------- */

/* Looks up one page: 1 and *info filled, 0 when there is none, -1 with *error filled. component_length: how many bytes at the
 * end of key are a component, see hicache_submit_set. */
HICACHE_API int32_t hicache_find(hicache_store* store, const int8_t* key, int32_t key_length, int32_t component_length,
                                 hicache_page_info* info, hicache_error* error);

/* Removes a page that hicache_find or a listing showed with this version, and nothing that has replaced it since. Returns 1, 0
 * when that page is not there any more, -1 with *error filled. */
HICACHE_API int32_t hicache_remove(hicache_store* store, const int8_t* key, int32_t key_length, int32_t component_length,
                                   int64_t version, hicache_error* error);

/* Lists the pages of this store's naming, in no order. NULL with *error filled on failure. One thread at a time. */
HICACHE_API hicache_listing* hicache_listing_open(hicache_store* store, hicache_error* error);

/* The next page: copies up to capacity bytes of its key and returns the key's length, 0 at the end, -1 with *error filled. */
HICACHE_API int32_t hicache_listing_next(hicache_listing* listing, int8_t* key, int32_t capacity, hicache_page_info* info,
                                         hicache_error* error);
HICACHE_API void hicache_listing_close(hicache_listing* listing);

/* The file that holds (or would hold) a key, as a path, or the name of its object: returns its length, -1 with *error filled.
 * Opens nothing. */
HICACHE_API int32_t hicache_page_path(hicache_store* store, const int8_t* key, int32_t key_length, int32_t component_length,
                                      int8_t* path, int32_t capacity, hicache_error* error);

/* What an object of a listing is, for callers who can list a bucket: name is the object's, with the prefix; head its first
 * head_length bytes (512 are enough), object_length its size. Copies up to capacity bytes of the page's key and returns the
 * key's length with *info filled, but for modified_time; 0 for an object that is none of this store's naming, or damaged; -1
 * with *error filled. */
HICACHE_API int32_t hicache_object_page(hicache_store* store, const int8_t* name, int32_t name_length, const int8_t* head,
                                        int32_t head_length, int64_t object_length, hicache_page_info* info, int8_t* key,
                                        int32_t capacity, hicache_error* error);

/* ---- agents, for the classes that mirror NixlUtils --------------------------------------------------------------------- */

/* A NIXL agent without a backend. name: any text. One thread at a time for each agent and what hangs on it. */
HICACHE_API hicache_agent* hicache_agent_create(const int8_t* name, int32_t name_length, hicache_error* error);

/* Gives the agent a backend that has proved itself: loaded, created, self-tested in probe_dir. The settings:
 *   backend, plugin.NAME   as in hicache_store_open
 *   memory                 dram | vram: what the backend must move                              default dram
 *   probe_dir              directory for the self-test of file backends                         default: no transfer is tested
 * Returns 1, or 0 with *error naming everything tried. */
HICACHE_API int32_t hicache_agent_select_backend(hicache_agent* agent, const int8_t* settings, int64_t settings_length,
                                                 hicache_error* error);

/* As hicache_store_describe, with the names backend, nixl_plugin, storage_memory_type (FILE|OBJECT) and candidate.J.* */
HICACHE_API int64_t hicache_agent_describe(hicache_agent* agent, int8_t* text, int64_t capacity);

/* Deregisters what is left, then destroys the agent. */
HICACHE_API void hicache_agent_free(hicache_agent* agent);

/* Registers n descriptors of one memory type with the agent's backend, all or none. device_ids: CUDA ordinal for VRAM, 0 for
 * DRAM, the open file descriptor for FILE, any number for OBJECT (NIXL gets a unique one of ours). metadata: concatenated, the
 * object keys for OBJECT; NULL elsewhere. NULL with *error filled on failure. */
HICACHE_API hicache_registration* hicache_register(hicache_agent* agent, int32_t memory_type, int64_t n,
                                                   const int64_t* addresses, const int64_t* lengths, const int64_t* device_ids,
                                                   const int8_t* metadata, const int32_t* metadata_lengths,
                                                   hicache_error* error);

/* Deregisters and frees. Safe after hicache_agent_free of its agent. */
HICACHE_API void hicache_deregister(hicache_registration* registration);

/* Memory type of an address: HICACHE_MEMORY_VRAM with the CUDA ordinal in *device, or HICACHE_MEMORY_DRAM. */
HICACHE_API int32_t hicache_memory_type_of(int64_t address, int32_t* device);

/* Number of CUDA devices; 0 without a driver. *reason (capacity bytes, may be NULL) receives why. */
HICACHE_API int32_t hicache_cuda_device_count(int8_t* reason, int32_t capacity);

/* ---- host memory, for pools of pages ----------------------------------------------------------------------------------- */

/* Allocates zeroed host memory. flags: bits of hicache_memory_flag, each a wish; *granted receives those that came true, and
 * hicache_memory_describe says why the others did not. The address is a multiple of 4096, of 2 MiB when huge pages are asked
 * for. Memory in huge pages, and pinned memory, is filled at once; other memory when it is first touched. Returns the address,
 * or 0 with *error filled. */
HICACHE_API int64_t hicache_memory_allocate(int64_t length, int32_t flags, int32_t* granted, hicache_error* error);

/* As hicache_store_describe, with the names length, huge_pages and pinned (true|false), huge_pages_reason and pinned_reason
 * (empty where not asked for or granted). Returns 0 for an address that hicache_memory_allocate did not return. */
HICACHE_API int64_t hicache_memory_describe(int64_t address, int8_t* text, int64_t capacity);

/* Frees what hicache_memory_allocate returned. Returns 1, or 0 with *error filled: the address is none of those, and nothing
 * was touched, or CUDA does not let go of it, and it stays allocated. */
HICACHE_API int32_t hicache_memory_free(int64_t address, hicache_error* error);

/* ---- plain files, for NixlFileManager ------------------------------------------------------------------------------------ */

/* Opens a regular file for reading and writing, never through a symbolic link at its last part. create = 1 makes it when
 * missing. Returns the descriptor, -1 with *error filled. */
HICACHE_API int32_t hicache_file_open(const int8_t* path, int32_t path_length, int32_t create, hicache_error* error);

/* Returns 1, or 0 with *error filled. */
HICACHE_API int32_t hicache_file_close(int32_t descriptor, hicache_error* error);

/* Version of this library, e.g. "0.1.0", NUL terminated. */
HICACHE_API const char* hicache_version(void);

#ifdef __cplusplus
}
#endif

#endif /* HICACHE_NIXL_H */
