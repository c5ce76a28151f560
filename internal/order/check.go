package order

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Check says what is wrong with the amounts of an order, or nil: each must be a decimal number with no more decimals than
// its currency has, and the total must be exactly the sum of quantity × unitPrice of all lines.
//
// The resource's own rules refuse a wrong sum where the order is made; this also knows the currencies, and holds where
// an order came in past those rules (a restore, an older schema). The error names the field and its value.
func Check(spec v1alpha1.OrderWorkflowSpec) error {
	total, err := checkAmount("total", spec.Total, spec.Currency)
	if err != nil {
		return err
	}
	if len(spec.Lines) == 0 {
		return errors.New("lines: an order needs at least one line")
	}
	sum := new(big.Int)
	for i, line := range spec.Lines {
		cost, err := checkLine(i, line, spec.Currency)
		if err != nil {
			return err
		}
		sum.Add(sum, cost)
	}
	if sum.Cmp(total) != 0 {
		return fmt.Errorf("total: the lines sum up to %s %s, but total is %s", format(sum, exponent(spec.Currency)), spec.Currency, spec.Total)
	}
	return nil
}

// checkLine returns what the line costs, in thousandths.
func checkLine(index int, line v1alpha1.OrderLine, currency string) (*big.Int, error) {
	if line.Quantity < 1 {
		return nil, fmt.Errorf("lines[%d].quantity: %d is less than 1", index, line.Quantity)
	}
	price, err := checkAmount(fmt.Sprintf("lines[%d].unitPrice", index), line.UnitPrice, currency)
	if err != nil {
		return nil, err
	}
	return price.Mul(price, big.NewInt(int64(line.Quantity))), nil
}

func checkAmount(field, text, currency string) (*big.Int, error) {
	value, err := parseAmount(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	if limit := exponent(currency); value.decimals > limit {
		return nil, fmt.Errorf("%s: %q has %d decimals, but %s has %d", field, text, value.decimals, currency, limit)
	}
	return value.thousandths, nil
}
