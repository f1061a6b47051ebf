// Copyright 2026 The Bulkhead Authors
// SPDX-License-Identifier: Apache-2.0
//
// Debian's libxml2 in a relaxed sandbox, on the documents of libxslt's tests;
// and why it does not run in a strict one. It keeps its state in globals that
// point to blocks, so each test is a process of its own.

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xpath.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <functional>

#include "gtest/gtest.h"
#include "tests/libraries/library.h"
#include "tests/support/child.h"

namespace {

using ::bulkhead::Sandbox;
using ::bulkhead_test::ChildResult;
using ::bulkhead_test::File;
using ::bulkhead_test::FilesOf;
using ::bulkhead_test::LibraryTest;
using ::bulkhead_test::Made;
using ::bulkhead_test::Making;
using ::bulkhead_test::OutsideInChild;
using ::bulkhead_test::RunInChild;
using ::bulkhead_test::Spoilt;
using ::bulkhead_test::Tally;

const char* Text(const xmlChar* text) {
  return reinterpret_cast<const char*>(text);
}

void OnError(void* data, xmlErrorPtr error) {
  static_cast<Making*>(data)->AddNumber(error->code);
  static_cast<Making*>(data)->AddNumber(error->line);
  static_cast<Making*>(data)->AddText(error->message);
}

// How many elements have attributes.
void AddCount(xmlDocPtr document, Making* making) {
  xmlXPathContextPtr context = xmlXPathNewContext(document);
  xmlXPathObjectPtr found = xmlXPathEvalExpression(
      reinterpret_cast<const xmlChar*>("count(//*[@*])"), context);
  making->AddNumber(static_cast<int64_t>(found->floatval));
  xmlXPathFreeObject(found);
  xmlXPathFreeContext(context);
}

void AddDocument(xmlDocPtr document, Making* making) {
  making->AddText(Text(document->version));
  making->AddText(Text(document->encoding));
  AddCount(document, making);
  xmlChar* text = nullptr;
  int bytes = 0;
  xmlDocDumpMemoryEnc(document, &text, &bytes, "UTF-8");
  making->Add(text, static_cast<size_t>(bytes));
  xmlFree(text);
}

// Reads a document, asks for something in it, and writes it down again.
void Parse(const unsigned char* data, size_t size, Made* made) {
  Making making;
  xmlSetStructuredErrorFunc(&making, OnError);
  xmlParserCtxtPtr parser = xmlNewParserCtxt();
  xmlDocPtr document = xmlCtxtReadMemory(
      parser, reinterpret_cast<const char*>(data), static_cast<int>(size),
      "document.xml", nullptr, XML_PARSE_NONET);
  const int64_t status = document == nullptr ? parser->errNo : 0;
  if (document != nullptr) {
    AddDocument(document, &making);
    xmlFreeDoc(document);
  }
  making.AddNumber(parser->wellFormed);
  xmlFreeParserCtxt(parser);
  xmlSetStructuredErrorFunc(nullptr, nullptr);
  *made = making.End(status);
}
BULKHEAD_ENTRY(kParse, "box", Parse);

void Ready() { xmlInitParser(); }
BULKHEAD_ENTRY(kReady, "box", Ready);

xmlNodePtr RootElementOf(xmlDocPtr document) {
  return xmlDocGetRootElement(document);
}
BULKHEAD_ENTRY(kRootElementOf, "box", RootElementOf);

enum class Readied {
  kOutside,  // by the root, with what it allocates in the root's heap
  kInside,   // by an entry
  kByScope,  // by the root, with what it allocates in the sandbox's heap
};

Sandbox MakeBox(bh_kind kind, Readied readied) {
  if (readied == Readied::kOutside) xmlInitParser();
  bulkhead::Compartment::Options options = {};
  options.kind = kind;
  options.stack_bytes = 1 << 20;
  options.scopes = BH_ON;
  const auto box = Sandbox::Create("box", options);
  EXPECT_TRUE(box.ok()) << box.status();
  if (readied == Readied::kInside) {
    EXPECT_TRUE(box->Call(kReady).ok());
  } else if (readied == Readied::kByScope) {
    EXPECT_TRUE(box->compartment().WithScope([] { xmlInitParser(); }).ok());
  }
  return *box;
}

std::vector<File> Documents() {
  return FilesOf("libxslt_files", {".xml", ".xsl"});
}

const File kSmall = {"small", "<a b='c'>d</a>"};

class Xml2Test : public LibraryTest {
 protected:
  static void InAProcess(const std::function<void()>& body) {
    const ChildResult child = RunInChild([&] {
      body();
      fflush(nullptr);
      _exit(HasFailure() ? 1 : 0);
    });
    EXPECT_TRUE(child.ExitedWith(0)) << child.code << "\n" << child.errors;
  }

  // What a process reports that reads a document in such a sandbox.
  static std::string ReportOf(bh_kind kind, Readied readied) {
    const ChildResult child = RunInChild([&] {
      const Sandbox box = MakeBox(kind, readied);
      Compare(box, kParse, {Made{}}, {kSmall});
    });
    EXPECT_TRUE(child.DiedOf(SIGABRT)) << child.code << "\n" << child.errors;
    EXPECT_NE(child.errors.find("current domain: box"), std::string::npos);
    const size_t summary = child.errors.find("SUMMARY: Bulkhead: ");
    if (summary == std::string::npos) return child.errors;
    return child.errors.substr(summary,
                               child.errors.find('\n', summary) - summary);
  }
};

TEST_F(Xml2Test, ParsesIfRelaxed) {
  RETURN_WITHOUT_SANDBOXES();
  InAProcess(
      [] { EXPECT_EQ(std::string(xmlParserVersion).substr(0, 5), "20914"); });
  const std::vector<File> files = Documents();
  const std::vector<Made> outside = OutsideInChild(Parse, files);
  for (const Readied readied : {Readied::kByScope, Readied::kInside}) {
    InAProcess([&] {
      const Sandbox box = MakeBox(BH_KIND_RELAXED_SANDBOX, readied);
      const Tally tally = Compare(box, kParse, outside, files);
      EXPECT_EQ(tally.files, 604u);
      EXPECT_GT(tally.liked, 550u);
      EXPECT_GT(tally.bytes, 1u << 20);
    });
  }
}

TEST_F(Xml2Test, RefusesTheSameBadFilesIfRelaxed) {
  RETURN_WITHOUT_SANDBOXES();
  const std::vector<File> files = Spoilt(Documents());
  const std::vector<Made> outside = OutsideInChild(Parse, files);
  InAProcess([&] {
    const Sandbox box = MakeBox(BH_KIND_RELAXED_SANDBOX, Readied::kByScope);
    const Tally tally = Compare(box, kParse, outside, files);
    EXPECT_EQ(tally.files, 2 * 604u);
    EXPECT_GT(tally.refused, tally.files / 2);
  });
}

TEST_F(Xml2Test, RunsOnTwoThreadsIfRelaxed) {
  RETURN_WITHOUT_SANDBOXES();
  const std::vector<File> files = Documents();
  const std::vector<Made> outside = OutsideInChild(Parse, files);
  InAProcess([&] {
    const Sandbox box = MakeBox(BH_KIND_RELAXED_SANDBOX, Readied::kByScope);
    CompareOnTwoThreads(box, kParse, outside, files);
  });
}

// By ICU: iconv_open() is refused inside.
TEST_F(Xml2Test, ConvertsIfRelaxed) {
  RETURN_WITHOUT_SANDBOXES();
  const std::vector<File> files = {
      {"euc", "<?xml version='1.0' encoding='EUC-JP'?><a>\xa4\xa2</a>"},
      {"shift", "<?xml version='1.0' encoding='Shift_JIS'?><a>\x82\xa0</a>"},
      {"windows", "<?xml version='1.0' encoding='windows-1252'?><a>\x80</a>"},
  };
  const std::vector<Made> outside = OutsideInChild(Parse, files);
  InAProcess([&] {
    const Sandbox box = MakeBox(BH_KIND_RELAXED_SANDBOX, Readied::kByScope);
    EXPECT_EQ(Compare(box, kParse, outside, files).liked, 3u);
  });
}

TEST_F(Xml2Test, DoesNotRunInAStrictSandbox) {
  RETURN_WITHOUT_SANDBOXES();
  EXPECT_EQ(ReportOf(BH_KIND_SANDBOX, Readied::kOutside),
            "SUMMARY: Bulkhead: root-read in __pthread_mutex_lock");
  EXPECT_EQ(ReportOf(BH_KIND_SANDBOX, Readied::kInside),
            "SUMMARY: Bulkhead: root-write in __pthread_mutex_lock");
  EXPECT_EQ(ReportOf(BH_KIND_SANDBOX, Readied::kByScope),
            "SUMMARY: Bulkhead: root-write in rand_r");
}

TEST_F(Xml2Test, IsNotReadiedOutside) {
  RETURN_WITHOUT_SANDBOXES();
  EXPECT_EQ(ReportOf(BH_KIND_RELAXED_SANDBOX, Readied::kOutside),
            "SUMMARY: Bulkhead: root-read in __pthread_mutex_lock");
}

// An object of libxml2's that the root made.
TEST_F(Xml2Test, IsHeldByTheSandbox) {
  RETURN_WITHOUT_SANDBOXES();
  ExpectHeld("libxml2", [] {
    xmlDocPtr document =
        xmlReadMemory(kSmall.contents.data(),
                      static_cast<int>(kSmall.contents.size()), "", nullptr, 0);
    const Sandbox box = MakeBox(BH_KIND_RELAXED_SANDBOX, Readied::kOutside);
    (void)box.Call(kRootElementOf, document);
  });
}

}  // namespace
