package main

import (
	"fmt"
	"strconv"
	"strings"
)

// fractions are the currencies of ISO 4217 whose smallest unit is not a hundredth, by number of decimals.
var fractions = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0, "UYI": 0,
	"VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0, "BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
	"CLF": 4, "UYW": 4,
}

func decimalsOf(currency string) int {
	if n, ok := fractions[currency]; ok {
		return n
	}
	return 2
}

// parseAmount reads a decimal string such as 12.50 as a number of the currency's smallest unit. No float is involved.
// Errors say what is wrong: the amount must have no sign, at most 15 digits, and no more decimals than the
// currency has.
func parseAmount(amount, currency string) (int64, error) {
	whole, fraction, _ := strings.Cut(amount, ".")
	decimals := decimalsOf(currency)
	switch {
	case len(currency) != 3 || strings.ToUpper(currency) != currency:
		return 0, fmt.Errorf("currency %q is no code of ISO 4217", currency)
	case len(fraction) > decimals:
		return 0, fmt.Errorf("amount %q has more than %d decimals, which %s does not have", amount, decimals, currency)
	case whole == "" || len(whole)+decimals > 15 || strings.Trim(whole+fraction, "0123456789") != "":
		return 0, fmt.Errorf("amount %q is no decimal number of at most 15 digits", amount)
	}
	minor, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", decimals-len(fraction)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("amount %q: %w", amount, err)
	}
	return minor, nil
}

// formatAmount is the way back. minor may be negative.
func formatAmount(minor int64, currency string) string {
	decimals := decimalsOf(currency)
	sign, digits := "", strconv.FormatInt(minor, 10)
	if minor < 0 {
		sign, digits = "-", digits[1:]
	}
	if decimals == 0 {
		return sign + digits
	}
	if missing := decimals + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	return sign + digits[:len(digits)-decimals] + "." + digits[len(digits)-decimals:]
}
