// Checks a Vouchsafe ledger with the code behind Go's checksum database: golang.org/x/mod, packages
// sumdb/note and sumdb/tlog. Nothing of the signature or of the tree is computed here; this program
// only finds the files.
//
//	ledger FOLDER VKEY [PROOF]
//
// note verifies the checkpoint. tlog rebuilds the root from the entries, authenticates every tile
// against it, and makes and checks proofs of inclusion and consistency. PROOF is a C2SP tlog-proof
// of one entry. Exit 0: whole. 1: not.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8
const width = 1 << height

type folder string

// A Go tile path has the height in it, and calls the entries data.
func (f folder) path(t tlog.Tile) string {
	return filepath.Join(string(f), strings.NewReplacer("tile/8/data/", "tile/entries/", "tile/8/", "tile/").Replace(t.Path()))
}

func (f folder) read(t tlog.Tile) ([]byte, error) {
	full := t
	full.W = width
	data, err := os.ReadFile(f.path(t))
	if !errors.Is(err, os.ErrNotExist) || t.W == width {
		return data, err
	}
	data, err = os.ReadFile(f.path(full))
	if err == nil && t.L >= 0 && len(data) == width*tlog.HashSize {
		data = data[:t.W*tlog.HashSize]
	}
	return data, err
}

func (f folder) Height() int                         { return height }
func (f folder) SaveTiles(_ []tlog.Tile, _ [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		data, err := f.read(t)
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

// The entries of all bundles, and what tlog stores for them.
func (f folder) entries(size int64) (tlog.HashReaderFunc, error) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var hashes []tlog.Hash
		for _, i := range indexes {
			if i < 0 || i >= int64(len(stored)) {
				return nil, fmt.Errorf("no hash %d", i)
			}
			hashes = append(hashes, stored[i])
		}
		return hashes, nil
	})
	for n := int64(0); n < size; {
		w := int(size - n)
		if w > width {
			w = width
		}
		data, err := f.read(tlog.Tile{H: height, L: -1, N: n / width, W: w})
		if err != nil {
			return nil, err
		}
		for i := 0; i < w; i++ {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("the bundle with entry %d has been cut", n)
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			hashes, err := tlog.StoredHashes(n, data[2:end], reader)
			if err != nil {
				return nil, err
			}
			stored = append(stored, hashes...)
			data = data[end:]
			n++
		}
	}
	return reader, nil
}

func openCheckpoint(text []byte, key note.Verifier) (tlog.Tree, error) {
	var tree tlog.Tree
	opened, err := note.Open(text, note.VerifierList(key))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != key.Name() {
		return tree, errors.New("not a checkpoint of this log")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

func check(dir, vkey, proof string) (int64, error) {
	f := folder(dir)
	key, err := note.NewVerifier(vkey)
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return 0, err
	}
	tree, err := openCheckpoint(text, key)
	if err != nil {
		return 0, err
	}
	rebuilt, err := f.entries(tree.N)
	if err != nil {
		return 0, err
	}
	root, err := tlog.TreeHash(tree.N, rebuilt)
	if err != nil || root != tree.Hash {
		return 0, fmt.Errorf("the entries do not have the signed root: %v", err)
	}
	authentic := tlog.TileHashReader(tree, f)
	for n := int64(0); n < tree.N; n += 7 {
		leaf, err := rebuilt.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
		if err != nil {
			return 0, err
		}
		included, err := tlog.ProveRecord(tree.N, n, authentic)
		if err == nil {
			err = tlog.CheckRecord(included, tree.N, tree.Hash, n, leaf[0])
		}
		if err != nil {
			return 0, fmt.Errorf("entry %d: %w", n, err)
		}
		older, err := tlog.TreeHash(n+1, rebuilt)
		if err != nil {
			return 0, err
		}
		extends, err := tlog.ProveTree(tree.N, n+1, authentic)
		if err == nil {
			err = tlog.CheckTree(extends, tree.N, tree.Hash, n+1, older)
		}
		if err != nil {
			return 0, fmt.Errorf("the tree of %d: %w", n+1, err)
		}
	}
	if proof != "" {
		err = checkProof(proof, key, rebuilt)
	}
	return tree.N, err
}

func checkProof(path string, key note.Verifier, rebuilt tlog.HashReader) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	parts := strings.SplitN(string(data), "\n\n", 2)
	lines := strings.Split(parts[0], "\n")
	if len(parts) != 2 || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("not a tlog-proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return err
	}
	var hashes tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		hashes = append(hashes, hash)
	}
	tree, err := openCheckpoint([]byte(parts[1]), key)
	if err != nil {
		return err
	}
	leaf, err := rebuilt.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
	if err != nil {
		return err
	}
	return tlog.CheckRecord(hashes, tree.N, tree.Hash, index, leaf[0])
}

func main() {
	arguments := append(os.Args[1:], "")
	if len(arguments) < 3 {
		fmt.Fprintln(os.Stderr, "ledger FOLDER VKEY [PROOF]")
		os.Exit(2)
	}
	size, err := check(arguments[0], arguments[1], arguments[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "not whole:", err)
		os.Exit(1)
	}
	fmt.Println("whole:", size)
}
