// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "isolation/violation/modules.h"

#include "isolation/sys/memory_map.h"

namespace bulkhead {
namespace {

// Makes `kept` the same text as `text`. False: it was already.
bool Keep(const char* text, char (&kept)[512]) {
  size_t size = 0;
  while (text[size] != '\0' && text[size] == kept[size]) ++size;
  if (text[size] == kept[size]) return false;
  for (; text[size] != '\0' && size + 1 < sizeof(kept); ++size) {
    kept[size] = text[size];
  }
  kept[size] = '\0';
  return true;
}

}  // namespace

bool FindModule(uintptr_t address, Module& module) {
  sys::MemoryMap map;
  sys::Mapping mapping;
  Module found;
  uintptr_t base = 0;
  // The first mapping of a file is at its load address; its others follow.
  while (map.Next(mapping)) {
    if (Keep(mapping.name, found.path)) base = mapping.begin;
    if (address < mapping.begin || address >= mapping.end) continue;
    if (found.path[0] != '/') return false;
    found.offset = address - base;
    module = found;
    return true;
  }
  return false;
}

}  // namespace bulkhead
