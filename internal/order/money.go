package order

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// maxDecimals is how many decimals an amount of the API can have.
const maxDecimals = 3

// amount is a decimal number, kept as an integer of thousandths so that sums are exact.
type amount struct {
	thousandths *big.Int
	decimals    int // as it was written: "12.50" has 2
}

// parseAmount reads a decimal string such as "129.90": digits, and at most 3 decimals after a point; no sign.
func parseAmount(text string) (amount, error) {
	whole, fraction, hasPoint := strings.Cut(text, ".")
	if !isDigits(whole) || hasPoint && !isDigits(fraction) {
		return amount{}, fmt.Errorf("%q is no decimal number such as 129.90", text)
	}
	if len(fraction) > maxDecimals {
		return amount{}, fmt.Errorf("%q has %d decimals, at most %d can be told apart", text, len(fraction), maxDecimals)
	}
	units, ok := new(big.Int).SetString(whole+fraction+strings.Repeat("0", maxDecimals-len(fraction)), 10)
	if !ok {
		return amount{}, errors.New("reading an amount of digits only") // unreachable while isDigits is right
	}
	return amount{thousandths: units, decimals: len(fraction)}, nil
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// format writes thousandths with the given number of decimals: 129900 with 2 is "129.90".
func format(thousandths *big.Int, decimals int) string {
	digits := fmt.Sprintf("%0*s", maxDecimals+1, thousandths.String())
	whole, fraction := digits[:len(digits)-maxDecimals], digits[len(digits)-maxDecimals:]
	fraction = fraction[:min(decimals, maxDecimals)] + strings.TrimRight(fraction[min(decimals, maxDecimals):], "0")
	if fraction == "" {
		return whole
	}
	return whole + "." + fraction
}
