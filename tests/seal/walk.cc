// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/seal/walk.h"

#include <link.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "tests/seal/image.h"
#include "tests/support/mappings.h"

namespace bulkhead_test {
namespace {

constexpr size_t kPageBytes = 4096;
constexpr size_t kMostCages = 4096;
constexpr size_t kGranule = 16;  // bytes of a heap to one of the live map

uintptr_t AddressOf(const void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

Range Clip(const Mapping& mapping, Range range) {
  return {std::max(mapping.begin, range.begin),
          std::min(mapping.end, range.end)};
}

bool IsEmpty(Range range) { return range.begin >= range.end; }

// Whether libc's first allocations lie in the range: the first thread's control
// block and its vector of TLS blocks, what the dynamic linker keeps of a loaded
// object, or what that points to.
bool HoldsLibcs(Range range) {
  const auto holds = [range](uintptr_t address) {
    return address >= range.begin && address < range.end;
  };
  uintptr_t thread_pointer;
  uintptr_t tls_vector;
  __asm__("mov %%fs:0, %0" : "=r"(thread_pointer));
  __asm__("mov %%fs:8, %0" : "=r"(tls_vector));
  bool found = holds(thread_pointer) || holds(tls_vector);
  for (const link_map* object = _r_debug.r_map; object != nullptr;
       object = object->l_next) {
    found |= holds(AddressOf(object));
    // It goes on for longer than <link.h> tells.
    constexpr size_t kWords = 128;
    const auto* const words = reinterpret_cast<const uintptr_t*>(object);
    for (size_t i = 0; i < kWords; ++i) found |= holds(words[i]);
  }
  return found;
}

// Whether a loaded object's segments reach there, zero-initialised data too.
bool IsOfAnObject(uintptr_t address) {
  const auto holds = [](dl_phdr_info* object, size_t, void* raw_address) {
    const uintptr_t wanted = *static_cast<const uintptr_t*>(raw_address);
    for (int i = 0; i < object->dlpi_phnum; ++i) {
      const ElfW(Phdr)& segment = object->dlpi_phdr[i];
      const uintptr_t begin = object->dlpi_addr + segment.p_vaddr;
      if (segment.p_type == PT_LOAD && wanted >= begin &&
          wanted < begin + segment.p_memsz) {
        return 1;
      }
    }
    return 0;
  };
  return dl_iterate_phdr(holds, &address) != 0;
}

// Whether Bulkhead's list of loaded objects lies there, one of today's or
// before: it begins with how many were ever loaded.
bool HoldsObjects(const Mapping& mapping) {
  if (mapping.permissions != "r--p") return false;
  const auto ever = [](dl_phdr_info* object, size_t, void* loaded) {
    *static_cast<uint64_t*>(loaded) = object->dlpi_adds;
    return 1;
  };
  uint64_t loaded = 0;
  dl_iterate_phdr(ever, &loaded);
  const uint64_t listed = *reinterpret_cast<const uint64_t*>(mapping.begin);
  return listed > 0 && listed <= loaded;
}

class Walk {
 public:
  explicit Walk(const Known& known) : known_(known), mappings_(AllMappings()) {}

  Findings Do() {
    LayOut();
    if (known_.has_keys) LearnKeys();
    for (const Mapping& mapping : mappings_) {
      if (mapping.begin >= all_.begin && mapping.end <= all_.end) {
        if (mapping.IsAccessible()) WalkReserved(mapping);
      } else {
        WalkOther(mapping);
      }
    }
    return findings_;
  }

 private:
  const Mapping& At(uintptr_t address) const {
    return *std::find_if(
        mappings_.begin(), mappings_.end(),
        [address](const Mapping& mapping) { return address < mapping.end; });
  }

  void Complain(const Mapping& mapping, const std::string& what) {
    char text[200];
    std::snprintf(text, sizeof(text),
                  "%012zx-%012zx %s key %d: ", mapping.begin, mapping.end,
                  mapping.permissions.c_str(), mapping.key);
    findings_.problems.push_back(text + what + " " + mapping.name);
  }

  // The reservation: mappings without a gap that the kernel does not account
  // for, from the first record on. Its parts, as design.md has them:
  // [ metadata | monitor stacks | live map | root's cages -> <- compartments' ]
  void LayOut() {
    all_ = {known_.first_record, known_.first_record};
    for (const Mapping& mapping : mappings_) {
      if (mapping.begin == all_.end && mapping.HasFlag("nr")) {
        all_.end = mapping.end;
      }
    }
    const size_t bytes = all_.end - all_.begin;
    const size_t cage = bytes / kMostCages;
    const uintptr_t heaps =
        cage == 0 ? 0 : AddressOf(known_.block_of_root) / cage * cage;
    heaps_ = {heaps, all_.end};
    live_ = {heaps - bytes / kGranule, heaps};
    frames_ = {live_.begin - cage, live_.begin};
    metadata_ = {all_.begin, frames_.begin};
    if (bytes < kMostCages * kPageBytes || metadata_.begin >= metadata_.end) {
      findings_.problems.push_back("this does not look like a reservation");
    }
  }

  void LearnKeys() {
    metadata_key_ = At(metadata_.begin).key;
    for (const Mapping& mapping : mappings_) {
      if (!mapping.IsAccessible() || IsEmpty(Clip(mapping, frames_))) continue;
      frames_key_ = mapping.key;
      break;
    }
    std::set<int> different = {0, metadata_key_, frames_key_};
    size_t owners = 3 + known_.keys.size();
    for (const auto& [id, key] : known_.keys) different.insert(key);
    if (known_.root_key != 0) {
      different.insert(known_.root_key);
      ++owners;
    }
    if (different.size() != owners) {
      findings_.problems.push_back(
          "root, metadata, frames and compartments share a key");
    }
  }

  void Expect(const Mapping& mapping, Range part, int key, const char* what,
              size_t* bytes) {
    if (IsEmpty(part)) return;
    *bytes += part.end - part.begin;
    if (known_.has_keys && mapping.key != key) {
      Complain(mapping, std::string(what) + " without its key");
    }
  }

  // A part that belongs to who owns the heap memory from `owned` on.
  void ExpectOwners(const Mapping& mapping, uintptr_t owned,
                    const char* if_roots) {
    const uint32_t id = known_.owner(reinterpret_cast<const void*>(owned)).id;
    if (id == 0) {
      if (known_.root_key == 0) findings_.without_key.insert(if_roots);
      if (known_.has_keys && mapping.key != known_.root_key) {
        Complain(mapping, "the root's memory without its key");
      }
      return;
    }
    const auto found = known_.keys.find(id);
    const int key = found == known_.keys.end() ? -1 : found->second;
    Expect(mapping, {mapping.begin, mapping.end}, key, "a compartment's memory",
           &findings_.compartments_bytes);
  }

  void WalkReserved(const Mapping& mapping) {
    Expect(mapping, Clip(mapping, metadata_), metadata_key_, "metadata",
           &findings_.metadata_bytes);
    const bool is_read_by_all =
        known_.all_read_frames && mapping.key == metadata_key_;
    Expect(mapping, Clip(mapping, frames_),
           is_read_by_all ? metadata_key_ : frames_key_, "a monitor stack",
           &findings_.frames_bytes);
    // A mapping has one key: who shares it with another owner is found out by
    // its first page and its last.
    for (const bool last : {false, true}) {
      const auto end_of = [last](Range part) {
        return last ? part.end - kPageBytes : part.begin;
      };
      const Range live = Clip(mapping, live_);
      if (!IsEmpty(live)) {
        ExpectOwners(mapping,
                     all_.begin + (end_of(live) - live_.begin) * kGranule,
                     "the root's part of the live map");
      }
      const Range heap = Clip(mapping, heaps_);
      if (!IsEmpty(heap)) {
        ExpectOwners(mapping, end_of(heap), "the root's heap");
      }
    }
  }

  void WalkOther(const Mapping& mapping) {
    if (mapping.name.empty() || mapping.name.rfind("[anon", 0) == 0) {
      // Of the file before it: its zero-initialised data.
      if (mapping.begin == image_end_ && IsOfAnObject(mapping.begin)) {
        image_end_ = mapping.end;
        WalkImage(mapping);
      } else if (mapping.IsAccessible()) {
        WalkAnonymous(mapping);
      }
      return;
    }
    image_end_ = 0;
    if (mapping.name[0] != '/') return;
    image_end_ = mapping.end;
    if (mapping.offset == 0 && mapping.name != image_) {
      image_ = mapping.name;
      sections_ = SectionsOf(mapping.name, mapping.begin);
    }
    WalkImage(mapping);
  }

  void WalkImage(const Mapping& mapping) {
    const auto sealed = sections_.find("bulkhead_sealed");
    if (sealed == sections_.end()) return;  // not Bulkhead's
    size_t bytes = 0;
    for (const char* const name : {"bulkhead_sealed", "bulkhead_sealed_bss"}) {
      const Section section = sections_[name];
      Expect(mapping, Clip(mapping, {section.begin, section.end}),
             metadata_key_, "sealed data", &bytes);
    }
    findings_.metadata_bytes += bytes;
    const Section settled = sections_["bulkhead_settled"];
    if (mapping.IsWritable() &&
        !IsEmpty(Clip(mapping, {settled.begin, settled.end}))) {
      Complain(mapping, "what is settled at start can be written");
    }
    if (bytes == mapping.end - mapping.begin) return;
    if (known_.has_keys && mapping.key != 0) {
      Complain(mapping, "more than sealed data under the key of metadata");
    }
    findings_.without_key.insert(mapping.IsWritable() ? "other static data"
                                                      : "code and constants");
  }

  // Takes the mapping apart by what the program knows; nothing may be left.
  void WalkAnonymous(const Mapping& mapping) {
    if (known_.root_key != 0 && mapping.key == 0 && HoldsObjects(mapping)) {
      findings_.without_key.insert("the list of loaded objects");
      return;
    }
    std::vector<Range> all = known_.stacks;
    all.insert(all.end(), known_.signal_stacks.begin(),
               known_.signal_stacks.end());
    for (const Range range : known_.signal_stacks) {
      if (IsEmpty(Clip(mapping, range))) continue;
      if (known_.root_key == 0) findings_.without_key.insert("signal stacks");
    }
    if (known_.has_keys && mapping.key != known_.root_key) {
      Complain(mapping, "a mapping of the program's without the root's key");
    }
    std::sort(all.begin(), all.end(),
              [](Range a, Range b) { return a.begin < b.begin; });
    uintptr_t explained = mapping.begin;
    for (const Range range : all) {
      if (range.begin <= explained && range.end > explained) {
        explained = range.end;
      }
    }
    if (explained < mapping.end && !HoldsLibcs({explained, mapping.end})) {
      Complain(mapping, "nobody knows whose this is");
    }
  }

  const Known& known_;
  const std::vector<Mapping> mappings_;
  Findings findings_;

  Range all_, metadata_, frames_, live_, heaps_;
  int metadata_key_ = -1;
  int frames_key_ = -1;

  std::string image_;
  std::map<std::string, Section> sections_;
  uintptr_t image_end_ = 0;
};

}  // namespace

Findings WalkMappings(const Known& known) { return Walk(known).Do(); }

}  // namespace bulkhead_test
