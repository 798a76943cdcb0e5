#!/usr/bin/env python3
"""Checks a Vouchsafe ledger without Vouchsafe.

    verify_ledger.py FOLDER [--key VKEY] [--seen CHECKPOINT]...

Reads only public formats: C2SP signed-note, tlog-checkpoint and tlog-tiles, RFC 6962 hashes and
RFC 8032 signatures; and `minimum`, a signed note that says below which entry bundles may be gone.
Needs Python 3.8 and nothing else. It does not read the journal: what no checkpoint covers yet is
not judged here.

Exit 0: whole. 1: altered, naming the first entry or tile. 2: the question could not be answered.
"""
import argparse
import base64
import hashlib
import os
import re
import sys

WIDTH = 256
MINIMUM = "vouchsafe ledger minimum v1"


class Altered(Exception):
    """The ledger is not what was signed."""


class CannotAsk(Exception):
    """The question could not be answered."""


# --- Ed25519, RFC 8032 section 5.1 -------------------------------------------------------------
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def recover_x(y, sign):
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def decode_point(data):
    value = int.from_bytes(data, "little")
    y = value & ((1 << 255) - 1)
    x = recover_x(y, value >> 255)
    return None if x is None else (x, y, 1, x * y % P)


def encode_point(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = decode_point(BASE_Y.to_bytes(32, "little"))


def signed_by(public, message, signature):
    key = decode_point(public)
    s = int.from_bytes(signature[32:], "little")
    if key is None or len(signature) != 64 or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    negative = (P - key[0], key[1], 1, P - key[3])
    return encode_point(add(multiply(s, BASE), multiply(h, negative))) == signature[:32]


# --- notes and checkpoints ---------------------------------------------------------------------
def unbase64(text):
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("another spelling of base64")
    return data


class Key:
    def __init__(self, text):
        try:
            self.name, digits, rest = text.strip().split("+", 2)
            typed = unbase64(rest)
            self.id, self.public = bytes.fromhex(digits), typed[1:]
        except ValueError:
            raise CannotAsk("the key is not <name>+<8 hexadecimal digits>+<base64>") from None
        expected = hashlib.sha256(self.name.encode() + b"\n" + typed).digest()[:4]
        if typed[:1] != b"\1" or len(self.public) != 32 or self.id != expected:
            raise CannotAsk("the key is not an Ed25519 verifier key, or its id does not fit")


def open_note(note, key):
    """The text of a signed note; its signature is checked if there is a key."""
    split = note.rfind("\n\n") + 1
    text, lines = note[:split], note[split + 1:]
    if not split or not lines.endswith("\n") or re.search("[\x00-\x09\x0b-\x1f]", note):
        raise ValueError("not a signed note")
    verified = key is None
    for line in lines[:-1].split("\n"):
        mark, name, blob = line.split(" ")
        blob = unbase64(blob)
        if mark != "—" or not name or len(blob) < 5:
            raise ValueError("not a signed note")
        if key and name == key.name and blob[:4] == key.id:
            if not signed_by(key.public, text.encode(), blob[4:]):
                raise ValueError(f"the signature of {name} does not verify")
            verified = True
    if not verified:
        raise ValueError(f"not signed by {key.name}")
    return text


def read_checkpoint(note, key):
    """Origin, size and root."""
    lines = open_note(note, key).split("\n")
    if len(lines) != 4 or not lines[0] or not re.fullmatch("0|[1-9][0-9]{0,18}", lines[1]):
        raise ValueError("not a checkpoint")
    root = unbase64(lines[2])
    if len(root) != 32 or (key and lines[0] != key.name):
        raise ValueError("not a checkpoint of this log")
    return lines[0], int(lines[1]), root


def read_minimum(note, key, origin, size):
    lines = (open_note(note, key) + "\n\n").split("\n")
    found = re.fullmatch("minimum (0|[1-9][0-9]{0,18}) since [0-9]{1,19}", lines[2])
    if lines[:2] != [MINIMUM, origin] or not found:
        raise ValueError("not a minimum index of this log")
    minimum = int(found.group(1))
    if minimum % WIDTH or minimum > size:
        raise ValueError("a minimum index that this log cannot have")
    return minimum


# --- the tree ----------------------------------------------------------------------------------
def leaf(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """The right edge of a tree: the roots of its perfect subtrees, largest first."""

    def __init__(self):
        self.size, self.stack = 0, []

    def push(self, digest, height=0):
        self.size += 1 << height
        while self.stack and self.stack[-1][0] == height:
            digest, height = node(self.stack.pop()[1], digest), height + 1
        self.stack.append((height, digest))

    def root(self):
        if not self.stack:
            return hashlib.sha256(b"").digest()
        result = self.stack[-1][1]
        for _, digest in reversed(self.stack[:-1]):
            result = node(digest, result)
        return result


def path_of(level, index, width=WIDTH):
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    return f"tile/{level}/" + "/".join(groups) + (f".p/{width}" if width < WIDTH else "")


def split_bundle(data):
    entries, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at:at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise ValueError
        entries.append(data[at + 2:end])
        at = end
    return entries


def split_tile(data):
    if len(data) % 32:
        raise ValueError
    return [data[at:at + 32] for at in range(0, len(data), 32)]


class Ledger:
    def __init__(self, folder, size):
        self.folder, self.size, self.kept = folder, size, None

    def read(self, path):
        with open(os.path.join(self.folder, path), "rb") as file:
            return file.read(WIDTH * 65537 + 1)

    def items(self, level, index, width, split):
        """Entries or hashes of one tile: from the partial file, else from the full one."""
        for candidate in sorted({width, WIDTH}):
            try:
                items = split(self.read(path_of(level, index, candidate)))
            except FileNotFoundError:
                continue
            except ValueError:
                items = []
            if len(items) != candidate:
                raise Altered(f"{path_of(level, index, candidate)} has been cut or extended")
            self.check_kept(level, index, items[:width], split)
            return items[:width]
        raise Altered(f"{path_of(level, index, width)} is missing")

    def check_kept(self, level, index, items, split):
        """Partial tiles kept from earlier checkpoints are beginnings of the present one."""
        place = path_of(level, index) + ".p"
        try:
            widths = [n for n in os.listdir(os.path.join(self.folder, place)) if n.isdigit()]
        except FileNotFoundError:
            return
        for width in map(int, widths):
            try:
                if width < len(items) and split(self.read(f"{place}/{width}")) != items[:width]:
                    self.kept = self.kept or f"{place}/{width}"
            except FileNotFoundError:
                pass
            except ValueError:
                self.kept = self.kept or f"{place}/{width}"

    def verify(self, root, minimum, seen):
        tree, levels, wrong, forked = Tree(), [[]], None, None

        def compare(level, index, hashes):
            nonlocal wrong
            stored = self.items(level, index, len(hashes), split_tile)
            at = next((i for i, pair in enumerate(zip(stored, hashes)) if pair[0] != pair[1]), None)
            if at is not None and wrong is None:
                wrong = (level, index, at, len(hashes))

        def grow(level, digest):
            """Adds a hash at `level`, and all that it completes above."""
            while len(levels) <= level:
                levels.append([])
            levels[level].append(digest)
            if len(levels[level]) % WIDTH == 0:
                full, levels[level] = levels[level], []
                index = tree.size // WIDTH ** (level + 1) - 1
                compare(level, index, full)
                tile = Tree()
                for child in full:
                    tile.push(child)
                grow(level + 1, tile.root())

        def look():
            nonlocal forked
            if tree.size in seen and seen[tree.size] != tree.root():
                forked = tree.size if forked is None else forked

        look()
        for bundle in range(-(-self.size // WIDTH)):
            width = min(WIDTH, self.size - bundle * WIDTH)
            if (bundle + 1) * WIDTH <= minimum:
                # Entries that may be gone: their part of the tree is known by its root alone.
                above = min(WIDTH, self.size // WIDTH - bundle // WIDTH * WIDTH)
                digest = self.items(1, bundle // WIDTH, above, split_tile)[bundle % WIDTH]
                tree.push(digest, 8)
                grow(1, digest)
                look()
                continue
            for entry in self.items("entries", bundle, width, split_bundle):
                digest = leaf(entry)
                tree.push(digest)
                grow(0, digest)
                look()
        for level, hashes in enumerate(levels):
            if hashes:
                compare(level, self.size // WIDTH ** (level + 1), hashes)
        if wrong:
            level, index, at, width = wrong
            entry = (index * WIDTH + at) * WIDTH ** level
            if tree.root() == root:
                tile = path_of(level, index, width)
                raise Altered(f"hash {at} of {tile} is not the one that was signed")
            if level == 0:
                raise Altered(f"entry {entry} is not the entry that was recorded")
            raise Altered(f"the entries of {path_of('entries', entry // WIDTH)} are not those recorded")
        if tree.root() != root:
            raise Altered(f"the tree of {self.size} entries does not have the signed root")
        if forked is not None:
            raise Altered(f"the first {forked} entries are not those of the checkpoint seen")
        if self.kept:
            raise Altered(f"{self.kept} is not what was written for an earlier checkpoint")


# --- the question ------------------------------------------------------------------------------
def read_text(path, limit=64 * 1024):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read(limit)


def notes(text):
    """The notes of a file to which they are appended; what was cut short is one that is refused."""
    return re.findall("[^\n](?:(?!\n\n).)*\n\n(?:—[^\n]*\n)*", text, re.DOTALL)


def judge(arguments):
    key = Key(arguments.key) if arguments.key else None
    if not any(os.path.exists(os.path.join(arguments.folder, n)) for n in ("checkpoint", "tile")):
        raise CannotAsk(f"there is no ledger in {arguments.folder}")
    try:
        note = read_text(os.path.join(arguments.folder, "checkpoint"))
        origin, size, root = read_checkpoint(note, key)
    except FileNotFoundError:
        raise Altered("the checkpoint is missing") from None
    except ValueError as fault:
        raise Altered(f"the checkpoint does not hold: {fault}") from None
    minimum = 0
    try:
        text = read_text(os.path.join(arguments.folder, "minimum"))
        minimum = read_minimum(text, key, origin, size)
    except FileNotFoundError:
        pass
    except ValueError as fault:
        raise Altered(f"the minimum index does not hold: {fault}") from None
    seen = {}
    for path in arguments.seen:
        taken, fault = 0, "no checkpoint"
        for note in notes(read_text(path, 512 << 20)):
            try:
                other, length, digest = read_checkpoint(note, key)
            except ValueError as refused:
                fault = refused
                continue
            taken += 1
            if other != origin:
                raise Altered(f"the checkpoint that was seen is of the log {other}")
            if length > size:
                raise Altered(f"a checkpoint of {length} entries was seen, {size} are here: cut back")
            if length < minimum and length % WIDTH:
                print(f"note: {length} entries in {path} are below the minimum", file=sys.stderr)
            elif seen.setdefault(length, digest) != digest:
                raise Altered(f"the first {length} entries are not those of a checkpoint seen")
        if not taken:
            raise CannotAsk(f"{path}: {fault}")
    Ledger(arguments.folder, size).verify(root, minimum, seen)
    if key is None:
        print("note: without --key no signature was checked", file=sys.stderr)
    gone = f", entries below {minimum} may be gone" if minimum else ""
    print(f"whole: {size} signed entries{gone}")


def main():
    parser = argparse.ArgumentParser(description="Checks a ledger folder.")
    parser.add_argument("folder")
    parser.add_argument("--key", help="as `vouchsafe ledger key` prints it")
    parser.add_argument("--seen", action="append", default=[], help="an earlier checkpoint")
    try:
        judge(parser.parse_args())
    except Altered as fault:
        print(f"altered: {fault}", file=sys.stderr)
        return 1
    except (CannotAsk, OSError, UnicodeDecodeError) as fault:
        print(f"cannot say: {fault}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
