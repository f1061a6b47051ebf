// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

#include "allocator/heap/measure.h"

#include "isolation/thread/call_monitor.h"

namespace bulkhead {
namespace {

bh_result Measure(ThreadRecord& record, bh_compartment compartment,
                  uint32_t size_class) {
  return CallMonitor(record, MonitorCall::kMeasure, compartment.id,
                     compartment.generation, size_class);
}

}  // namespace

bool MeasureHeap(bh_compartment compartment, MeasuredHeap& heap) {
  ThreadRecord& record = *CurrentRecord();
  if (Measure(record, compartment, 0).status != BH_OK) return false;
  __builtin_memcpy(&heap, record.batch, sizeof(heap));
  return true;
}

const MeasuredClass* ClassReader::Next() {
  if (at_ == count_) {
    // Fewer than fit were the last.
    if (next_class_ == kAllClasses) return nullptr;
    ThreadRecord& record = *CurrentRecord();
    const bh_result result = Measure(record, compartment_, next_class_);
    count_ = result.status == BH_OK ? result.value : 0;
    at_ = 0;
    __builtin_memcpy(classes_, record.batch, count_ * sizeof(classes_[0]));
    next_class_ =
        count_ == kClassesAtOnce
            ? static_cast<uint32_t>(classes_[count_ - 1].size_class) + 1
            : kAllClasses;
    if (count_ == 0) return nullptr;
  }
  return &classes_[at_++];
}

bool CountHeap(bh_compartment compartment, bh_heap_stats& stats) {
  MeasuredHeap heap;
  if (!MeasureHeap(compartment, heap)) return false;
  stats = {};
  for (const PageRange& run : heap.pages.heap)
    stats.committed_bytes += run.bytes;
  ClassReader classes(compartment);
  while (const MeasuredClass* measured = classes.Next()) {
    stats.allocations += measured->allocations;
    stats.frees += measured->frees;
  }
  return true;
}

}  // namespace bulkhead
