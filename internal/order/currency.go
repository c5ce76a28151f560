package order

// exponents are the decimals of the currencies of ISO 4217 that do not have two.
var exponents = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0,
	"UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
	"CLF": 4, "UYW": 4, // an amount can have three of the four
}

// exponent is how many decimals an amount of the currency may have. A code that is not in the table has two.
func exponent(currency string) int {
	if decimals, known := exponents[currency]; known {
		return decimals
	}
	return 2
}
