// Package vendor_test puts Turbopuffer's own Go client, unchanged, through the named list of checks that all of the
// vendor's clients share. VENDOR_BASE_URL, VENDOR_API_KEY and VENDOR_TARGET ("engine" or "gateway") say who answers.
package vendor_test

import "testing"

func TestVendor(t *testing.T) {
	for _, list := range [][]check{writeChecks, queryChecks, filterChecks, valueChecks, namespaceChecks, errorChecks} {
		for _, check := range list {
			t.Run(check.name, func(t *testing.T) { check.run(t, newServer(t, check.name)) })
		}
	}
}
