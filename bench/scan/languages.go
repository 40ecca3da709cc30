package main

import (
	"encoding/json"
	"strings"

	"github.com/aquasecurity/trivy-db/pkg/ecosystem"
	"github.com/aquasecurity/trivy-db/pkg/types"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc/osv"
)

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
