package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aquasecurity/trivy-db/pkg/db"
	"github.com/aquasecurity/trivy-db/pkg/types"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc/osv"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc/vulnerability"
	debver "github.com/knqyf263/go-deb-version"
	cvss30 "github.com/pandatix/go-cvss/30"
	cvss31 "github.com/pandatix/go-cvss/31"
	cvss40 "github.com/pandatix/go-cvss/40"
	bolt "go.etcd.io/bbolt"
)

// What a name of OSV's for a release of Debian's begins with.
const debians = "Debian:"

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
