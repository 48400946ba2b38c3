"""Backends outside the library: the good one works, each fault is found at its step, what does not fit is refused."""

import grp
import importlib.machinery
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import tool  # noqa: E402


def program(path):
    """A script without the ending .py, as a module."""
    spec = importlib.util.spec_from_loader(path.name, importlib.machinery.SourceFileLoader(path.name, str(path)))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ABI = program(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "abi")
MODULES = tool.BUILD / "tests" / "modules"


def path_of(*names):
    return {"HWALLOC_MODULE_PATH": ":".join(str(MODULES / name) for name in names)}


def items(*names):
    """What list tells, by name."""
    code, document = tool.run_json("list", env=path_of(*names))
    assert code == 0, document
    return {item["name"]: item for item in document["allocators"]}


class Good(unittest.TestCase):
    def test_shows_in_list(self):
        self.assertNotIn("test/good", items("no-such-directory"))
        item = items("good")["test/good"]
        self.assertTrue(item["available"])
        self.assertEqual(item["family"], "test")
        self.assertEqual(item["backend"], "pages")
        self.assertEqual(item["aliases"], ["test"])
        self.assertTrue(item["claims"]["alloc"] and item["claims"]["map"])
        self.assertFalse(item["default"])

    def test_passes_check(self):
        code, report = tool.run_json("check", "test/good", env=path_of("good"))
        self.assertEqual((code, tool.failed_steps(report)), (0, []))
        unsupported = {step for step, status in tool.status_of(report).items() if status != "passed"}
        # Everything but what it does not claim.
        self.assertEqual(unsupported, {"import-dmabuf", "export-dmabuf", "export-memfd", "wrap", "fresh-zero"})

    def test_is_found_by_its_family(self):
        code, report = tool.run_json("check", "test", env=path_of("good"))
        self.assertEqual((code, report["failed"]), (0, 0))

    def test_a_directory_named_twice_is_loaded_once(self):
        twice = items("good", "good")
        self.assertEqual([name for name in twice if name.startswith("test")], ["test/good"])


class Faults(unittest.TestCase):
    # Where each fault has to show, and nowhere else.
    STEPS = {
        "wrong_offset": "window",
        "short_region": "window",
        "no_zeroing": "zeroing",
        "leaked_fd": "no-leak",
        "leaked_mapping": "no-leak",
        "writable_share": "share-readonly",
        "false_claim": "export-dmabuf",
        "misaligned": "alignment",
        "wrong_copy": "copy",
        "wrong_span": "is-span",
        "leaked_heap": "no-leak",
        "short_image": "image",
        "map_elsewhere": "map",
    }

    def test_each_fault_fails_at_its_step_and_no_other(self):
        good = tool.status_of(tool.run_json("check", "test/good", env=path_of("good"))[1])
        for fault, step in self.STEPS.items():
            with self.subTest(fault=fault):
                code, report = tool.run_json("check", f"test/{fault}", env=path_of(fault))
                self.assertEqual(code, 1)
                self.assertEqual(tool.failed_steps(report), [step])
                self.assertEqual(report["failed"], 1)
                detail = next(one["detail"] for one in report["steps"] if one["step"] == step)
                if fault != "map_elsewhere":
                    self.assertIn("expected", detail)
                    # All the others are what they are without the fault.
                    for name, status in tool.status_of(report).items():
                        if name != step and not (fault == "false_claim" and name in ("claims", "fresh-zero")):
                            self.assertEqual(status, good[name], name)

    def test_a_crash_is_a_finding(self):
        code, report = tool.run_json("check", "test/map_elsewhere", env=path_of("map_elsewhere"))
        self.assertEqual(code, 1)
        step = next(one for one in report["steps"] if one["step"] == "map")
        self.assertRegex(step["detail"], "killed by SIGSEGV|exited with code")
        self.assertEqual(tool.status_of(report)["share"], "not run")

    def test_an_early_end_is_a_finding_however_it_looks(self):
        code, report = tool.run_json("check", "test/quiet_exit", env=path_of("quiet_exit"))
        self.assertEqual((code, tool.failed_steps(report)), (1, ["alloc"]))

    def test_people_see_it_too(self):
        done = tool.run("check", "test/writable_share", env=path_of("writable_share"))
        self.assertEqual(done.returncode, 1)
        line = next(line for line in done.stdout.splitlines() if "failed" in line)
        self.assertRegex(line, r"share-readonly +failed +expected: a share is READONLY; found flags 0x0")

    def test_all_of_them_at_once(self):
        code, document = tool.run_json("check", env=path_of("good", "leaked_fd", "other_abi"))
        self.assertEqual(code, 1)
        reports = {report["allocator"]: report for report in document["allocators"]}
        self.assertLessEqual({"sysmem", "test/good", "test/leaked_fd"}, set(reports))
        self.assertEqual(tool.failed_steps(reports["test/leaked_fd"]), ["no-leak"])
        self.assertEqual(tool.failed_steps(reports["test/good"]), [])
        self.assertEqual(document["failed"], 1)
        self.assertTrue(any("other_abi" in one["allocator"] for one in document["unavailable"]))


class Interface(unittest.TestCase):
    """The tag says which interface a module was compiled against: another one has another tag."""

    def test_the_baseline_is_what_the_tag_was_given_to(self):
        tag, *lines = (ABI.BASELINES / ABI.RECORD).read_text(encoding="utf-8").splitlines()
        self.assertEqual(tag, ABI.backend_tag(), "scripts/abi update records the new tag")
        self.assertEqual(lines, ABI.module_interface(ABI.BASELINES),
                         "abi/ has another interface than modules.txt: raise HWALLOC_BACKEND_ABI, and run scripts/abi update")

    def test_the_record_has_every_hook(self):
        record = (ABI.BASELINES / ABI.RECORD).read_text(encoding="utf-8")
        for hook in ["do_alloc", "do_make", "mem_map", "mem_is_span", "claims", "close_device", "import_dmabuf", "alloc_image",
                     "attempt"]:
            self.assertRegex(record, rf"virtual \d+: _ZNK?7hwalloc\d+\w*?{len(hook)}{hook}")

    def test_the_record_has_what_modules_take_and_give_by_value(self):
        record = (ABI.BASELINES / ABI.RECORD).read_text(encoding="utf-8").splitlines()
        for header in ABI.MODULE_HEADERS:
            self.assertTrue(ABI.declared(header), header)
            for name in ABI.declared(header):
                self.assertTrue(any(line.startswith(f"{name}: ") for line in record), f"{name} of {header}")
        calls = [line for line in record if line.startswith("  calls ")]
        for function in ["add", "alias", "knows", "still_here", "unavailable", "wanted"]:
            self.assertTrue(any(f"BackendHost{len(function)}{function}E" in line for line in calls), function)

    def test_another_virtual_table_wants_another_tag(self):
        larger = {name: (rf"(name='{name}' size-in-bits=')\d+", r"\g<1>65536")
                  for name in ["AllocationParams", "Backend", "Constraints", "Image", "ImageLayout", "ImagePlane", "ImageSpec",
                               "Recipe", "Properties", "Claims"]}
        changes = {f"a larger {name}": change for name, change in larger.items()} | {
            "a function more": ("vtable-offset='5'", "vtable-offset='6'"),
            "another argument": ("8do_allocEmRK", "8do_allocEjRK"),
            "another function that discover calls": ("BackendHost5knowsE", "BackendHost5knowsEi"),
            "an enumerator with another value": ("(name='exporter_only' value=')2", r"\g<1>7"),
            "an enumerator between others": ("(name='bt709' value=')3", r"\g<1>4"),
            "a member at another place": (r"layout-offset-in-bits='\d+'(?=>\s*<var-decl name='sees_cpu_caches')",
                                          "layout-offset-in-bits='65536'"),
            "a member of another type": (r"(<var-decl name='pitch_max' type-id=')\w+", r"\g<1>another"),
        }
        for name, change in changes.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                fresh = pathlib.Path(folder)
                changed = 0
                for file in ABI.BASELINES.glob("*.abi"):
                    text, count = re.subn(*change, file.read_text(encoding="utf-8"))
                    changed += count
                    (fresh / file.name).write_text(text, encoding="utf-8")
                self.assertTrue(changed, "the baseline has what is changed here")
                ABI.record_interface(fresh, ABI.backend_tag())
                self.assertTrue(ABI.keeps_its_tag(ABI.BASELINES, fresh))
                ABI.record_interface(fresh, "hwalloc-0.1/next")
                self.assertFalse(ABI.keeps_its_tag(ABI.BASELINES, fresh))


class Refused(unittest.TestCase):
    WORDS = {
        "other_abi": ["hwalloc-99.7", ABI.backend_tag()],
        "earlier_abi": ["hwalloc-0.1,", ABI.backend_tag()],
        "no_symbol": ["hwalloc_backend_v1"],
        "short": ["shorter"],
        "incomplete": ["discover"],
    }

    def test_list_says_why(self):
        for name, words in self.WORDS.items():
            with self.subTest(module=name):
                path = str(MODULES / name / f"{name}.so")
                item = items(name)[path]
                self.assertFalse(item["available"] or item["registered"])
                for word in words:
                    self.assertIn(word, item["why"]["message"])
                self.assertIn(path, item["why"]["message"])
                people = tool.run("list", env=path_of(name))
                self.assertIn(words[0], people.stdout)

    def test_resolve_says_why(self):
        for name, words in self.WORDS.items():
            with self.subTest(module=name):
                code, report = tool.run_json("check", "test/wanted", env=path_of(name))
                self.assertEqual((code, tool.failed_steps(report)), (1, ["find"]))
                self.assertEqual(report["error"]["kind"], "unavailable")
                for word in words:
                    self.assertIn(word, report["error"]["message"])
                self.assertEqual(len(report["error"]["causes"]), 1)

    def test_what_is_no_program_is_refused(self):
        with tempfile.TemporaryDirectory() as directory:
            fake = pathlib.Path(directory) / "fake.so"
            fake.write_text("not a shared library")
            (pathlib.Path(directory) / "readme.txt").write_text("not looked at")
            code, document = tool.run_json("list", env={"HWALLOC_MODULE_PATH": directory})
            self.assertEqual(code, 0)
            refused = [item for item in document["allocators"] if item["backend"] == "module"]
            self.assertEqual([item["name"] for item in refused], [str(fake)])
            self.assertEqual(refused[0]["why"]["call"], "dlopen")
            self.assertEqual(refused[0]["why"]["device"], str(fake))


class ForeignCode(unittest.TestCase):
    """Constructors, backends, allocators and children of a fork use the library while it works."""

    def run_program(self, *words, **options):
        done = subprocess.run([str(MODULES / "foreign_code"), *words], env={**os.environ, **path_of(*options["path"])},
                              stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_backend_may_use_the_library_from_all_its_functions(self):
        self.run_program("module", path=["calls_back"])

    def test_a_plugin_uses_the_library_from_its_constructor_while_another_thread_loads(self):
        self.run_program("plugin", str(MODULES / "plugin.so"), path=["good"])

    def test_a_fork_beside_a_thread_that_looks_for_devices_leaves_the_child_a_registry_that_works(self):
        self.run_program("fork", path=[])

    def test_an_older_static_object_uses_modules_in_its_destructor(self):
        self.run_program("exit", path=["good"])


class ModulePath(unittest.TestCase):
    """What HWALLOC_MODULE_PATH names and cannot be used is told, and nothing waits for it."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(dir=MODULES))
        self.addCleanup(shutil.rmtree, self.directory)

    def why(self, path, name):
        code, document = tool.run_json("list", env={"HWALLOC_MODULE_PATH": str(path)})
        self.assertEqual(code, 0)
        refused = [item for item in document["allocators"] if item["backend"] == "module"]
        self.assertEqual([item["name"] for item in refused], [str(name)])
        return refused[0]["why"]["message"]

    def test_a_directory_that_is_not_there(self):
        missing = self.directory / "missing"
        message = self.why(missing, missing)
        self.assertIn("there is no such directory", message)
        self.assertNotIn("relative", message)

    def test_a_relative_path(self):
        self.assertIn("relative", self.why("no/such/directory", "no/such/directory"))

    def test_a_file_in_the_place_of_a_directory(self):
        file = self.directory / "module.so"
        file.write_text("")
        self.assertIn("directories", self.why(file, file))

    def test_a_directory_that_may_not_be_read(self):
        self.directory.chmod(0)
        self.addCleanup(self.directory.chmod, 0o700)
        if os.access(self.directory, os.R_OK):
            raise unittest.SkipTest("this user may read everything")
        self.assertIn("able to read", self.why(self.directory, self.directory))

    def test_a_fifo_is_not_opened(self):
        fifo = self.directory / "x.so"
        os.mkfifo(fifo)
        self.assertIn("not a regular file", self.why(self.directory, fifo))

    def test_a_directory_with_the_name_of_a_module(self):
        module = self.directory / "x.so"
        module.mkdir()
        self.assertIn("it is a directory", self.why(self.directory, module))


class Privileged(unittest.TestCase):
    """A process with more rights than its caller does not load what the caller names."""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(dir=MODULES))
        self.addCleanup(shutil.rmtree, self.directory)
        self.copy = self.directory / "hwalloc"
        shutil.copy(MODULES / "hwalloc_with_rights", self.copy)

    def names(self):
        code, document = tool.run_json("list", env=path_of("good"), tool=self.copy)
        self.assertEqual(code, 0)
        return [item["name"] for item in document["allocators"]]

    def test_module_path_is_ignored(self):
        groups = {group.gr_gid for group in grp.getgrall()} if os.geteuid() == 0 else set(os.getgroups())
        groups -= {os.getgid(), os.getegid()}
        if os.statvfs(self.directory).f_flag & os.ST_NOSUID or not groups:
            raise unittest.SkipTest("no set-group-id programs here: a nosuid file system, or no second group")
        self.assertIn("test/good", self.names(), "the copy is a plain program at first")
        os.chown(self.copy, -1, min(groups))
        os.chmod(self.copy, 0o2755)
        probe = subprocess.run(["stat", "-c", "%A", self.copy], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertIn("s", probe)
        names = self.names()
        self.assertNotIn("test/good", names)
        self.assertIn("sysmem", names)


if __name__ == "__main__":
    tool.main()
