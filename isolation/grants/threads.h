// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// All threads of the process.

#ifndef BULKHEAD_ISOLATION_GRANTS_THREADS_H_
#define BULKHEAD_ISOLATION_GRANTS_THREADS_H_

#include <cstdint>

namespace bulkhead {

// The kernel's list of them, which is open as long as the object lives.
class Threads {
 public:
  Threads();
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  // False: there is no /proc/self/task.
  bool ok() const { return directory_ >= 0; }

  // Returns once every other thread's rights follow from grants of at least
  // this generation. A thread that has ended counts, and so does one that came
  // meanwhile. False: one has not answered in time. REQUIRES: ok(); the caller
  // holds no lock that a handler may want.
  bool AwaitRights(uint64_t generation) const;

 private:
  template <typename Visit>
  void ForEach(Visit visit) const;
  bool HasEnded(int tid) const;

  int directory_;
};

}  // namespace bulkhead

#endif  // BULKHEAD_ISOLATION_GRANTS_THREADS_H_
