"""Arrows between folders go one way: in what files include, and in what targets link."""

import unittest

import rules
import tree


class Includes(unittest.TestCase):
    def test_go_one_way(self):
        for path in tree.cpp_files():
            own = tree.layer(path)
            for mark, header in tree.includes(path):
                if mark != '"' or own is None:
                    continue
                theirs = tree.layer(header)
                self.assertIsNotNone(theirs, f"{path} includes {header}, which nothing but tests and bench may see")
                self.assertLessEqual(theirs, own, f"{path} includes {header}: against the layers {rules.LAYERS}")

    def test_are_written_from_the_repository_root(self):
        for path in tree.cpp_files():
            if path.startswith("examples/"):  # projects of their own, as their readers would have them
                continue
            for mark, header in tree.includes(path):
                if mark == '"':
                    self.assertTrue((tree.SOURCE / header).is_file(), f"{path}: no {header} from the repository root")

    def test_of_costly_headers_are_few(self):
        found = {path for path in tree.cpp_files() for _, header in tree.includes(path)
                 if rules.COSTLY_HEADERS.match(header)}
        self.assertEqual(found, rules.MAY_INCLUDE_COSTLY, "include what stands before these headers")


class Links(unittest.TestCase):
    def test_go_one_way(self):
        for target in tree.targets().values():
            own = tree.layer(target.folder)
            for link in target.links:
                other = tree.targets().get(link)
                if other is None or own is None or not other.folder:
                    continue
                theirs = tree.layer(other.folder)
                self.assertIsNotNone(theirs, f"{target.name} links {link}, which nothing but tests and bench may see")
                self.assertLessEqual(theirs, own, f"{target.name} links {link}: against the layers {rules.LAYERS}")

    def test_go_only_to_targets_that_exist(self):
        for target in tree.targets().values():
            for link in target.links:
                if link.startswith("concordat"):
                    self.assertIn(link, tree.targets(), f"{target.name} links {link}")

    def test_every_library_source_is_built(self):
        built = {source for target in tree.targets().values() for source in target.sources}
        unbuilt = [path for path in tree.cpp_files() if path.endswith(".cpp") and tree.layer(path) is not None
                   and path not in built]
        self.assertEqual(unbuilt, [], "no target builds these")


class Installed(unittest.TestCase):
    """What applications are built on."""

    def headers(self) -> list[str]:
        return tree.text("client/public_headers.txt").split()

    def test_links_only_what_it_needs(self):
        for name in rules.INSTALLED:
            ours = {link for link in tree.linked_by(name) if link in tree.targets()}
            self.assertEqual(ours - rules.INSTALLED_MAY_LINK, set(), name)

    def test_headers_include_only_headers_that_are_installed_too(self):
        for path in self.headers():
            missing = [header for mark, header in tree.includes(path) if mark == '"' and header not in self.headers()]
            self.assertEqual(missing, [], path)

    def test_headers_are_light(self):
        for path in self.headers():
            heavy = sorted(header for header in tree.closure(path) if rules.HEAVY_HEADERS.match(header))
            self.assertEqual(heavy, [], path)


def may_do_io(target: tree.Target) -> bool:
    """Targets named *_io, and in deploy/ the programs themselves: their main is where things are wired."""
    return (target.name.endswith("_io") or target.name in rules.IO_LIBRARIES_IN_DEPLOY
            or (target.type == "EXECUTABLE" and tree.layer(target.folder) == rules.LAYERS.index("deploy")))


class InputAndOutput(unittest.TestCase):
    def cores(self):
        return [target for target in tree.targets().values()
                if tree.layer(target.folder) is not None and not may_do_io(target)]

    def test_headers_stay_in_io_targets(self):
        for target in self.cores():
            for source in target.sources:
                touched = sorted(header for header in tree.closure(source) if rules.IO_HEADERS.match(header))
                self.assertEqual(touched, [], f"{source} of {target.name} does I/O; only targets named *_io may")

    def test_core_libraries_do_not_link_io_libraries(self):
        for target in self.cores():
            reached = sorted(link for link in tree.linked_by(target.name)
                             if link.endswith("_io") or link == "concordat_asio")
            self.assertEqual(reached, [], f"{target.name} links I/O; only targets named *_io may")


if __name__ == "__main__":
    unittest.main()
