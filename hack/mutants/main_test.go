package main

import "testing"

func TestEveryMutantStillFitsTheEngine(t *testing.T) {
	for _, m := range mutants {
		if _, err := m.broken("../.."); err != nil {
			t.Errorf("%s: %v", m.rule, err)
		}
	}
}
