// SPDX-License-Identifier: Apache-2.0
//
// One worker thread with its own NIXL agent. It takes chunks from the queue that all lanes share, keeps several requests in
// flight, and polls them. A lane whose chunk misses its deadline is retired: it takes nothing more, and holds on to its agent,
// requests, registrations, files and memory until they have drained.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "aligned_buffer.h"
#include "chunk_queue.h"
#include "lane_devices.h"
#include "lane_segments.h"
#include "registered_memory.h"
#include "store_parts.h"
#include "transfer.h"

namespace hicache {

class Lane {
 public:
  // agent: live and tested, or null to make one at the first chunk. Starts the thread.
  static std::shared_ptr<Lane> start(std::shared_ptr<const StoreParts> parts, std::shared_ptr<ChunkQueue> queue,
                                     std::string name, std::unique_ptr<Agent> agent);

  // Takes no more chunks; the thread ends when what it has is drained. Threads: any.
  void retire();
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  // Waits for the thread of an ended lane, or lets a hanging one go on by itself, keeping all it holds.
  void finishThread();

 private:
  Lane(std::shared_ptr<const StoreParts> parts, std::shared_ptr<ChunkQueue> queue, std::string name,
       std::unique_ptr<Agent> agent);

  void run();
  bool takeChunks();
  void start(Chunk chunk);
  bool advance(Transfer& transfer);
  // Makes sure that no I/O of a failed request is left: once nothing else is in flight, the suspect agent is destroyed, which
  // waits for what it still runs. False while something is in flight.
  bool quiet();
  bool anyInFlight() const;
  void followMemory(bool in_flight);
  void dropAgent();
  void endChunk(const Chunk& chunk, std::vector<PageResult> results, const PhaseTimes* times = nullptr);
  void pause(bool progressed);

  const std::shared_ptr<const StoreParts> parts_;
  const std::shared_ptr<ChunkQueue> queue_;
  const std::string name_;
  BufferPool buffers_;
  std::unique_ptr<Agent> agent_;
  LaneMemory memory_;
  LaneSegments segments_;
  LaneDevices devices_;
  bool suspect_ = false;  // a request failed in this agent, and its other I/O may still run
  std::vector<std::unique_ptr<Transfer>> transfers_;
  Clock::time_point last_progress_ = Clock::now();
  std::atomic<bool> retired_{false};
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace hicache
