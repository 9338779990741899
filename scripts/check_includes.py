#!/usr/bin/env python3
"""Fails where a file uses a name of the standard library without including its header, itself or in its own header (x.cpp: x.hpp).
Such a file compiles as long as another header happens to bring it in; the next compiler's does not."""
import pathlib
import re
import subprocess
import sys

# Types that a signature names (vector, string, optional, ...) come with the header that declares it, and are left out.
NAMES = {
    "algorithm": "max_element min_element minmax_element sort stable_sort partial_sort nth_element is_sorted copy copy_n copy_if copy_backward "
                 "fill fill_n transform generate any_of all_of none_of find find_if find_if_not count count_if reverse rotate shuffle unique "
                 "remove_if replace equal lexicographical_compare lower_bound upper_bound equal_range binary_search clamp min max mismatch "
                 "merge set_union set_difference set_intersection includes partition adjacent_find swap_ranges for_each ranges::\\w+",
    "numeric": "accumulate iota inner_product partial_sum reduce transform_reduce exclusive_scan inclusive_scan gcd lcm midpoint",
    "cmath": "sqrt cbrt pow exp exp2 expm1 log log2 log10 log1p floor ceil round lround llround trunc nearbyint rint isfinite isnan isinf "
             "hypot sin cos tan atan atan2 erf erfc lgamma tgamma fma fmod nextafter ldexp frexp ilogb signbit copysign",
    "limits": "numeric_limits",
    "cstring": "memcpy memmove memset memcmp strlen strcmp strncmp strerror strchr strstr",
    "cstdlib": "getenv atoi atoll atof strtod strtol strtoll strtoull exit abort system realpath",
    "cstdio": "printf fprintf snprintf fopen fclose fputs fflush fgets fread fwrite",
    "array": "array",
    "atomic": "atomic atomic_flag",
    "bit": "bit_cast popcount countl_zero countr_zero bit_width has_single_bit rotl rotr",
    "charconv": "from_chars to_chars",
    "chrono": "chrono::\\w+",
    "complex": "complex",
    "condition_variable": "condition_variable",
    "exception": "exception_ptr current_exception rethrow_exception",
    "filesystem": "filesystem::\\w+",
    "fstream": "ifstream ofstream fstream",
    "functional": "function hash plus multiplies greater reference_wrapper ref cref",
    "future": "future promise async",
    "iostream": "cout cerr cin clog",
    "mutex": "mutex lock_guard unique_lock scoped_lock call_once once_flag",
    "random": "mt19937 mt19937_64 normal_distribution uniform_int_distribution uniform_real_distribution",
    "regex": "regex smatch regex_match regex_search regex_replace",
    "sstream": "stringstream istringstream ostringstream",
    "thread": "thread this_thread::\\w+",
    "tuple": "tuple make_tuple tie",
    "type_traits": "is_same_v is_same is_floating_point_v is_integral_v decay_t remove_cvref_t conditional_t enable_if_t",
}
USE = {header: re.compile(rf"\bstd::(?:{'|'.join(names.split())})\b") for header, names in NAMES.items()}
COMMENT = re.compile(r'//[^\n]*|"(?:\\.|[^"\\\n])*"')

root = pathlib.Path(__file__).resolve().parent.parent
listed = subprocess.run(["git", "ls-files", "-z", "*.cpp", "*.hpp", "*.cu"], cwd=root, capture_output=True, check=True).stdout
texts = {name: (root / name).read_text() for name in listed.decode().split("\0") if name}


def included(name):
    own = set(re.findall(r"#\s*include\s*<([\w./]+)>", texts[name]))
    for local in re.findall(r'#\s*include\s*"([^"]+)"', texts[name]):
        if pathlib.PurePath(local).stem.removesuffix("-inl") == pathlib.PurePath(name).stem.removesuffix("_test").removesuffix("-inl"):
            own |= next((included(path) for path in texts if path.endswith(local) and path != name), set())
    return own


wrong = []
for name, text in texts.items():
    here, bare = included(name), COMMENT.sub("", text)
    for header, use in USE.items():
        if header not in here:
            found = use.search(bare)
            if found:
                line = bare[: found.start()].count("\n") + 1
                wrong.append(f"{name}:{line}: {found.group(0)} needs #include <{header}>")
print("\n".join(wrong) if wrong else "includes: ok")
sys.exit(1 if wrong else 0)
