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

void AppendModule(RawLine& line, uintptr_t address) {
  sys::MemoryMap map;
  sys::Mapping mapping;
  char path[512] = {};
  uintptr_t base = 0;
  // The first mapping of a file is at its load address; its others follow.
  while (map.Next(mapping)) {
    if (Keep(mapping.name, path)) base = mapping.begin;
    if (address < mapping.begin || address >= mapping.end) continue;
    if (path[0] != '/') return;
    line.Text(" (").Text(path).Text("+").Hex(address - base).Text(")");
    return;
  }
}

}  // namespace bulkhead
