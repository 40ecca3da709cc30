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
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aquasecurity/trivy-db/pkg/db"
	"github.com/aquasecurity/trivy-db/pkg/ecosystem"
	"github.com/aquasecurity/trivy-db/pkg/types"
	"github.com/aquasecurity/trivy-db/pkg/vulndb"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc/osv"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc/vulnerability"
	java "github.com/aquasecurity/trivy-java-db/pkg/db"
	debver "github.com/knqyf263/go-deb-version"
	cvss30 "github.com/pandatix/go-cvss/30"
	cvss31 "github.com/pandatix/go-cvss/31"
	cvss40 "github.com/pandatix/go-cvss/40"
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

// A source of advisories for each database that OSV collects from: two that know one CVE would otherwise overwrite each other.
var sources = map[string]types.SourceID{"GHSA": vulnerability.GHSA, "GO": vulnerability.GoVulnDB}

const debians = "Debian:"

// The sources that an entry is for: Debian's, and that of its own database for packages of languages.
func sourcesOf(entry osv.Entry) []types.SourceID {
	prefix, _, _ := strings.Cut(entry.ID, "-")
	source, ok := sources[prefix]
	if !ok {
		source = vulnerability.OSV
	}
	var found []types.SourceID
	for _, affected := range entry.Affected {
		if strings.HasPrefix(affected.Package.Ecosystem, debians) {
			found = append(found, vulnerability.Debian)
		} else {
			found = append(found, source)
		}
	}
	return found
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

// Every name that a package of a bill may go by in an entry; of Debian's, that of its source.
func namesOf(file string, names map[string]bool) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var bill struct {
		Components []struct {
			Group, Name string
			Properties  []struct{ Name, Value string }
		}
	}
	if err := json.Unmarshal(text, &bill); err != nil {
		return fmt.Errorf("%s is no bill of materials: %w", file, err)
	}
	for _, one := range bill.Components {
		for _, name := range []string{one.Name, one.Group + "/" + one.Name, one.Group + ":" + one.Name} {
			names[plain(name)] = true
		}
		for _, property := range one.Properties {
			if property.Name == "aquasecurity:trivy:SrcName" {
				names[plain(property.Value)] = true
			}
		}
	}
	return nil
}

// A name without what its spellings differ in.
func plain(name string) string {
	return strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name))
}

// Puts each entry that speaks of one of the names into the folder of its source. An entry that a source would misread is left out,
// by name.
func stage(folder, staged string, names map[string]bool, found *covered) error {
	return filepath.WalkDir(folder, func(path string, file fs.DirEntry, err error) error {
		if err != nil || file.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var entry osv.Entry
		if err := json.Unmarshal(text, &entry); err != nil {
			return fmt.Errorf("%s cannot be read: %w", path, err)
		}
		if entry.ID == "" {
			return fmt.Errorf("%s is no entry in the OSV format: it has no \"id\"", path)
		}
		found.Entries++
		found.Newest = max(found.Newest, entry.Modified.UTC().Format(time.DateOnly))
		if entry.Withdrawn != nil {
			return nil
		}
		for _, affected := range entry.Affected {
			found.Ecosystems[affected.Package.Ecosystem]++
		}
		if !slices.ContainsFunc(entry.Affected, func(one osv.Affected) bool { return names[plain(one.Package.Name)] }) {
			return nil
		}
		if why := unreadable(entry); why != "" {
			found.Skipped = append(found.Skipped, entry.ID+": "+why)
			return nil
		}
		for _, source := range sourcesOf(entry) {
			into := filepath.Join(staged, string(source))
			if err := os.MkdirAll(into, 0o700); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(into, strings.ReplaceAll(entry.ID, "/", "_")+".json"), text, 0o600); err != nil {
				return err
			}
		}
		return nil
	})
}

// Trivy's reader takes events in their order, and ends with a panic where a range does not begin.
func unreadable(entry osv.Entry) string {
	for _, affected := range entry.Affected {
		for _, one := range affected.Ranges {
			if one.Type != osv.RangeTypeGit && (len(one.Events) == 0 || one.Events[0].Introduced == "") {
				return "a range of " + affected.Package.Name + " does not begin with \"introduced\""
			}
		}
	}
	return ""
}

// Packages of languages: the reader is Trivy's own.
func language(id types.SourceID) vulnsrc.VulnSrc {
	of := map[ecosystem.Type]types.DataSource{}
	for _, eco := range []ecosystem.Type{ecosystem.Pip, ecosystem.Npm, ecosystem.Go, ecosystem.Maven} {
		of[eco] = types.DataSource{ID: id, Name: "OSV entries of " + string(id), URL: "https://osv.dev"}
	}
	return osv.New(string(id), id, of, osv.WithTransformer(words{}))
}

// How bad an entry is by its own word. Without one, Trivy goes by its CVSS vectors.
type words struct{}

func (words) PostParseAffected(advisory osv.Advisory, _ osv.Affected) (osv.Advisory, error) {
	return advisory, nil
}

func (words) TransformAdvisories(advisories []osv.Advisory, entry osv.Entry) ([]osv.Advisory, error) {
	for at := range advisories {
		advisories[at].Severity = wordOf(entry)
	}
	return advisories, nil
}

func wordOf(entry osv.Entry) types.Severity {
	// Entries of malicious packages have no score: nothing about them is conditional.
	if strings.HasPrefix(entry.ID, "MAL-") {
		return types.SeverityCritical
	}
	var specific struct{ Severity any }
	_ = json.Unmarshal(entry.DatabaseSpecific, &specific)
	word, _ := specific.Severity.(string)
	severity, _ := types.NewSeverity(strings.ReplaceAll(strings.ToUpper(word), "MODERATE", "MEDIUM"))
	return severity
}

// Debian's packages: Trivy judges them by the one version of the source that mends, which its reader of OSV entries does not write.
type debian struct {
	suites []suite
	found  *covered
}
type suite struct{ release, name, file string }

func (debian) Name() types.SourceID { return vulnerability.Debian }

func (d debian) Update(root string) error {
	dbc := db.Config{}
	put := func(tx *bolt.Tx, release, name, id string, advisory types.Advisory, detail types.VulnerabilityDetail) error {
		bucket := "debian " + release
		if err := dbc.PutDataSource(tx, bucket, types.DataSource{ID: vulnerability.Debian, Name: "Debian", URL: "https://www.debian.org/security/"}); err != nil {
			return err
		}
		if err := dbc.PutAdvisoryDetail(tx, id, name, []string{bucket}, advisory); err != nil {
			return err
		}
		if err := dbc.PutVulnerabilityDetail(tx, id, vulnerability.Debian, detail); err != nil {
			return err
		}
		return dbc.PutVulnerabilityID(tx, id)
	}
	files, err := filepath.Glob(filepath.Join(root, string(vulnerability.Debian), "*.json"))
	if err != nil {
		return err
	}
	return dbc.BatchUpdate(func(tx *bolt.Tx) error {
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			var entry osv.Entry
			if err := json.Unmarshal(text, &entry); err != nil {
				return err
			}
			id := strings.TrimPrefix(entry.ID, "DEBIAN-")
			others := slices.DeleteFunc(slices.Concat(entry.Aliases, entry.Upstream), func(other string) bool { return other == id })
			unimportant := unimportantOf(text)
			for at, affected := range entry.Affected {
				release, ok := strings.CutPrefix(affected.Package.Ecosystem, debians)
				if !ok {
					continue
				}
				advisory := types.Advisory{FixedVersion: mendedIn(affected), VendorIDs: others}
				if unimportant[at] {
					advisory.Severity = types.SeverityLow
				}
				detail := types.VulnerabilityDetail{Title: entry.Summary, CvssScoreV3: scoreOf(slices.Concat(entry.Severities, affected.Severities))}
				if err := put(tx, release, affected.Package.Name, id, advisory, detail); err != nil {
					return err
				}
			}
		}
		for _, one := range d.suites {
			versions, err := one.versions()
			if err != nil {
				return err
			}
			d.found.Suites[one.release] = len(versions)
			for name, version := range versions {
				detail := types.VulnerabilityDetail{Title: "there is a newer version in " + one.name}
				if err := put(tx, one.release, name, one.name+"/"+name, types.Advisory{FixedVersion: version}, detail); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// The version of the source that mends, empty where none does yet. What is said otherwise than by one (a beginning later than 0, a
// last one that is affected, versions one by one) counts as open: too much is said rather than too little.
func mendedIn(affected osv.Affected) string {
	mended := ""
	for _, one := range affected.Ranges {
		if one.Type == osv.RangeTypeGit {
			continue
		}
		last := one.Events[len(one.Events)-1].Fixed
		if last == "" {
			return ""
		}
		if newer(last, mended) {
			mended = last
		}
	}
	return mended
}

// Which of the affected Debian's security team finds to be no matter of security.
func unimportantOf(text []byte) map[int]bool {
	var entry struct {
		Affected []struct {
			Specific struct{ Urgency string } `json:"ecosystem_specific"`
		}
	}
	_ = json.Unmarshal(text, &entry)
	found := map[int]bool{}
	for at, affected := range entry.Affected {
		found[at] = affected.Specific.Urgency == "unimportant"
	}
	return found
}

// The worst of the CVSS scores; 0, where there is none that can be read.
func scoreOf(severities []osv.Severity) float64 {
	worst := 0.0
	for _, one := range severities {
		if vector, err := cvss30.ParseVector(one.Score); err == nil {
			worst = max(worst, vector.EnvironmentalScore())
		} else if vector, err := cvss31.ParseVector(one.Score); err == nil {
			worst = max(worst, vector.EnvironmentalScore())
		} else if vector, err := cvss40.ParseVector(one.Score); err == nil {
			worst = max(worst, vector.Score())
		}
	}
	return worst
}

// Source package → its newest version in the suite, which may have a former one besides.
func (s suite) versions() (map[string]string, error) {
	file, err := os.Open(s.file)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	versions, name := map[string]string{}, ""
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "Package: "); ok {
			name = value
		} else if value, ok := strings.CutPrefix(lines.Text(), "Version: "); ok {
			if newer(value, versions[name]) {
				versions[name] = value
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(versions) == 0 {
		return nil, fmt.Errorf("%s lists no source: is it the list of %s?", s.file, s.name)
	}
	return versions, nil
}

func newer(version, than string) bool {
	one, err := debver.NewVersion(version)
	if err != nil || than == "" {
		return err == nil
	}
	other, err := debver.NewVersion(than)
	return err == nil && one.GreaterThan(other)
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
