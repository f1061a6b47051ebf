/* Copyright 2026 The Bulkhead Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * The C interface from a program in C: declared entries, a call, errors.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulkhead/bulkhead.h"

static int failures = 0;

static void expect(int condition, const char* what, int line) {
  if (condition) {
    return;
  }
  fprintf(stderr, "c_api_test.c:%d: not true: %s\n", line, what);
  failures++;
}
#define EXPECT(condition) expect((condition), #condition, __LINE__)

static char* secret;

static uint64_t keep(uint64_t text, uint64_t size) {
  secret = malloc(size);
  if (secret == NULL) {
    return 0;
  }
  memcpy(secret, (const char*)(uintptr_t)text, size);
  return 1;
}
BULKHEAD_GATE(keep_gate, "c", keep);

static int matches(const char* text) { return strcmp(secret, text) == 0; }
BULKHEAD_GATE(matches_gate, "c", matches);

static void forget(void) { free(secret); }
BULKHEAD_GATE(forget_gate, "c", forget);

static void count_up(void* number) { ++*(int*)number; }

int main(void) {
  const char text[] = "battery staple";
  bh_compartment c, found;
  bh_options options;
  bh_result result;
  bh_heap_stats stats;
  static char json[65536];
  size_t needed = 0;
  int count = 0;

  EXPECT(bh_get_level() != BH_LEVEL_NONE);
  EXPECT(bh_create("", NULL, &c) == BH_ERR_NAME);
  memset(&options, 0, sizeof(options));
  options.scopes = BH_ON;
  EXPECT(bh_create("c", &options, &c) == BH_OK);
  EXPECT(bh_create("c", NULL, &found) == BH_ERR_NAME_TAKEN);
  EXPECT(bh_find("c", &found) == BH_OK && found.id == c.id);
  EXPECT(bh_find("d", &found) == BH_ERR_NOT_FOUND);

  result = bh_call(c, &keep_gate, (uint64_t)(uintptr_t)text, sizeof(text), 0, 0,
                   0, 0);
  EXPECT(result.status == BH_OK && result.value == 1);
  EXPECT(bh_owner(secret).id == c.id);
  EXPECT(bh_owner(text).id == 0);
  result = bh_call(c, &matches_gate, (uint64_t)(uintptr_t)text, 0, 0, 0, 0, 0);
  EXPECT(result.status == BH_OK && (int)result.value == 1);
  EXPECT(bh_get_heap_stats(c, &stats) == BH_OK);
  EXPECT(stats.allocations >= 1 && stats.committed_bytes > 0);
  EXPECT(bh_stats(NULL, 0, &needed) == BH_ERR_BUFFER && needed > 0);
  EXPECT(bh_stats(json, sizeof(json), &needed) == BH_OK);
  EXPECT(strlen(json) + 1 == needed && strstr(json, "\"name\":\"c\"") != NULL);
  EXPECT(bh_call(c, &forget_gate, 0, 0, 0, 0, 0, 0).status == BH_OK);

  EXPECT(bh_with_scope(c, count_up, &count) == BH_OK && count == 1);
  EXPECT(strcmp(bh_name(c), "c") == 0);
  EXPECT(bh_malloc(c, 10) != NULL);
  EXPECT(bh_aligned_alloc(c, 3, 10) == NULL);
  EXPECT(bh_is_outside(c, text, sizeof(text)) == 1);
  EXPECT(bh_destroy(c) == BH_OK);
  EXPECT(bh_destroy(c) == BH_ERR_DESTROYED);
  EXPECT(bh_name(c) == NULL);
  EXPECT(bh_call(c, &forget_gate, 0, 0, 0, 0, 0, 0).status == BH_ERR_DESTROYED);
  EXPECT(strlen(bh_status_text(BH_ERR_DESTROYED)) > 0);
  EXPECT(strcmp(bh_status_text((bh_status)999), "unknown status") == 0);
  return failures == 0 ? 0 : 1;
}
