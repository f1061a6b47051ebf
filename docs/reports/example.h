// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0

// The programs of the pages here: each page's code becomes a source file that
// ends with one of these.

#ifndef BULKHEAD_DOCS_REPORTS_EXAMPLE_H_
#define BULKHEAD_DOCS_REPORTS_EXAMPLE_H_

namespace bulkhead_docs {

class Example {
 public:
  // Registers itself. `kind` is as the first line of a report has it.
  Example(const char* kind, void (*cause)(), void (*cure)());
  Example(const Example&) = delete;
  Example& operator=(const Example&) = delete;

  // nullptr: no page is of that kind.
  static const Example* Find(const char* kind);

  void Cause() const { cause_(); }
  void Cure() const { cure_(); }

 private:
  const char* kind_;
  void (*cause_)();
  void (*cure_)();
  const Example* next_;
};

}  // namespace bulkhead_docs

#endif  // BULKHEAD_DOCS_REPORTS_EXAMPLE_H_
