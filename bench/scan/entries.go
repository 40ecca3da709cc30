// Which entries a database is made of: those that speak of what a bill of materials has, each for the source that reads it.
package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aquasecurity/trivy-db/pkg/types"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc/osv"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc/vulnerability"
)

// A source of advisories for each database that OSV collects from: two that know one CVE would otherwise overwrite each other.
var sources = map[string]types.SourceID{"GHSA": vulnerability.GHSA, "GO": vulnerability.GoVulnDB}

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
