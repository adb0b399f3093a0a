// SPDX-License-Identifier: Apache-2.0
//
// What all lanes of a store share. It lives until the last lane has drained, even when the store is long closed.
#pragma once

#include <memory>
#include <string>

#include "backend_selection.h"
#include "cuda_api.h"
#include "layout_files.h"
#include "layout_objects.h"
#include "layout_segments.h"
#include "nixl_api.h"
#include "registered_memory.h"
#include "room.h"
#include "settings.h"

namespace hicache {

// Of files, segments and objects there are the parts of the layout in use, and of files those of segments too.
struct StoreParts {
  StoreConfig config;
  std::shared_ptr<NixlApi> nixl;
  std::shared_ptr<CudaApi> cuda;
  std::shared_ptr<FileManager> files;
  std::unique_ptr<LayoutFiles> layout;
  std::unique_ptr<LayoutSegments> segments;
  std::unique_ptr<LayoutObjects> objects;
  std::unique_ptr<Room> room;
  std::string layout_reason;  // of layout auto, else empty
  Backend backend;
  std::shared_ptr<RegisteredMemory> memory = std::make_shared<RegisteredMemory>();

  // "'/path'" or "bucket 'b' at SERVER", for messages.
  std::string place() const {
    return objects == nullptr ? "'" + files->directories()[0].path + "'"
                              : "bucket '" + objects->endpoint().bucket + "' at " + objects->endpoint().server;
  }
};

}  // namespace hicache
