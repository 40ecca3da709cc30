// Makes a database of Trivy's own kind out of what is at hand, where Trivy's cannot be fetched:
//
//	trivy-database CACHE [-osv FOLDER] [-bill FILE]... [-suite 13=trixie-security=SOURCES]...
//
// FOLDER has entries in the OSV format, a JSON file each, at any depth; only those are taken that speak of a package by a name that a
// bill of materials of Trivy's (FILE) has, because all there are, some hundred thousand, take minutes and gigabytes. SOURCES is the
// list of sources of a suite of Debian's, as apt keeps it. CACHE is what `trivy --cache-dir` takes. What the database can judge is
// printed as JSON (covered): of anything else Trivy says nothing, which is not the same as nothing bad.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aquasecurity/trivy-db/pkg/db"
	"github.com/aquasecurity/trivy-db/pkg/types"
	"github.com/aquasecurity/trivy-db/pkg/vulndb"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc/vulnerability"
	java "github.com/aquasecurity/trivy-java-db/pkg/db"
	bolt "go.etcd.io/bbolt"
	_ "modernc.org/sqlite"
)

// What the database can judge.
type covered struct {
	// OSV entries that were read.
	Entries int `json:"entries"`
	// Day of the newest of them, empty without any.
	Newest string `json:"newest"`
	// Ecosystem as OSV writes it (PyPI, Debian:13) → entries that speak of it.
	Ecosystems map[string]int `json:"ecosystems"`
	// Debian's release → packages that its security suite has.
	Suites map[string]int `json:"suites"`
	// Entries that Trivy's kind of database cannot say, and why.
	Skipped []string `json:"skipped"`
}

func main() {
	folder := flag.String("osv", "", "folder of OSV entries")
	names, suites := map[string]bool{}, []suite{}
	flag.Func("bill", "bill of materials, as Trivy writes it", func(file string) error { return namesOf(file, names) })
	flag.Func("suite", "13=trixie-security=SOURCES", func(value string) error {
		parts := strings.SplitN(value, "=", 3)
		if len(parts) != 3 {
			return fmt.Errorf("13=trixie-security=SOURCES is needed")
		}
		suites = append(suites, suite{release: parts[0], name: parts[1], file: parts[2]})
		return nil
	})
	if len(os.Args) < 2 || strings.HasPrefix(os.Args[1], "-") {
		fmt.Fprintln(os.Stderr, "usage: trivy-database CACHE [-osv FOLDER] [-bill FILE]... [-suite 13=trixie-security=SOURCES]...")
		os.Exit(2)
	}
	_ = flag.CommandLine.Parse(os.Args[2:])
	found, err := build(os.Args[1], *folder, names, suites)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(found)
}

func build(cache, folder string, names map[string]bool, suites []suite) (covered, error) {
	found := covered{Ecosystems: map[string]int{}, Suites: map[string]int{}, Skipped: []string{}}
	staged, err := os.MkdirTemp("", "trivy-database-")
	if err != nil {
		return found, err
	}
	defer os.RemoveAll(staged)
	if folder != "" {
		if err := stage(folder, staged, names, &found); err != nil {
			return found, err
		}
	}
	out := filepath.Join(cache, "db")
	if err := os.RemoveAll(out); err != nil {
		return found, err
	}
	if err := db.Init(out); err != nil {
		return found, err
	}
	defer db.Close()
	var all []string
	srcs := map[types.SourceID]vulnsrc.VulnSrc{vulnerability.Debian: debian{suites: suites, found: &found}}
	for _, id := range []types.SourceID{vulnerability.GHSA, vulnerability.GoVulnDB, vulnerability.OSV} {
		srcs[id] = language(id)
	}
	for id := range srcs {
		all = append(all, string(id))
		if err := os.MkdirAll(filepath.Join(staged, string(id)), 0o700); err != nil {
			return found, err
		}
	}
	made := vulndb.New(staged, out, 24*time.Hour, vulndb.WithVulnSrcs(srcs))
	if err := made.Insert(all); err != nil {
		return found, err
	}
	if something() {
		// Of no further source: what was inserted gets the shape that Trivy reads.
		if err := made.Build(nil); err != nil {
			return found, err
		}
	}
	return found, noJava(filepath.Join(cache, "java-db"))
}

// Whether any advisory was inserted.
func something() bool {
	found := false
	_ = db.Config{}.Connection().View(func(tx *bolt.Tx) error {
		found = tx.Bucket([]byte("vulnerability-id")) != nil
		return nil
	})
	return found
}

// Trivy wants a database of Java archives by their checksums beside it. An empty one: archives are known by their own pom.properties.
func noJava(folder string) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	made, err := java.New(folder)
	if err != nil {
		return err
	}
	defer made.Close()
	if err := made.Init(); err != nil {
		return err
	}
	metadata := java.NewMetadata(folder)
	return metadata.Update(java.Metadata{Version: java.SchemaVersion, UpdatedAt: time.Now(), NextUpdate: time.Now().AddDate(1, 0, 0)})
}
