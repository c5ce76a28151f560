package expr

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/ext"
)

// newEnv makes the language of expressions, without variables: CEL's standard library without what depends on the
// machine, optional values, and the extensions for strings, lists, numbers and sets.
func newEnv() (*cel.Env, error) {
	e, err := cel.NewCustomEnv(slices.Concat(libraries(), syntaxLimits())...)
	if err != nil {
		return nil, fmt.Errorf("making the CEL environment: %w", err)
	}
	guards, err := guardFunctions(e)
	if err != nil {
		return nil, fmt.Errorf("guarding CEL functions: %w", err)
	}
	e, err = e.Extend(guards...)
	if err != nil {
		return nil, fmt.Errorf("extending the CEL environment: %w", err)
	}
	return e, nil
}

func libraries() []cel.EnvOption {
	return []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(withoutTimeZones())),
		cel.OptionalTypes(),
		ext.Strings(ext.StringsVersion(5)),
		ext.Lists(ext.ListsVersion(3), ext.ListsMaxRangeSize(maxRange)),
		ext.Math(ext.MathVersion(2)),
		ext.Sets(ext.SetsVersion(1)),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
	}
}

func syntaxLimits() []cel.EnvOption {
	return []cel.EnvOption{
		cel.ParserExpressionSizeLimit(MaxExpression),
		cel.ParserRecursionLimit(maxParseDepth),
		cel.ParserErrorRecoveryLimit(4),
		cel.ExpressionNodeLimit(maxNodes),
		cel.ASTValidators(
			cel.ValidateComprehensionNestingLimit(maxComprehensions),
			cel.ValidateRegexLiterals(),
			cel.ValidateDurationLiterals(),
			cel.ValidateTimestampLiterals(),
		),
	}
}

// withoutTimeZones leaves out the accessors that take a time zone: they would read the machine's zone files, so that
// one expression could have two results. Those without a zone answer in UTC.
func withoutTimeZones() *env.LibrarySubset {
	zoned := map[string]string{
		overloads.TimeGetFullYear:     overloads.TimestampToYearWithTz,
		overloads.TimeGetMonth:        overloads.TimestampToMonthWithTz,
		overloads.TimeGetDayOfYear:    overloads.TimestampToDayOfYearWithTz,
		overloads.TimeGetDate:         overloads.TimestampToDayOfMonthOneBasedWithTz,
		overloads.TimeGetDayOfMonth:   overloads.TimestampToDayOfMonthZeroBasedWithTz,
		overloads.TimeGetDayOfWeek:    overloads.TimestampToDayOfWeekWithTz,
		overloads.TimeGetHours:        overloads.TimestampToHoursWithTz,
		overloads.TimeGetMinutes:      overloads.TimestampToMinutesWithTz,
		overloads.TimeGetSeconds:      overloads.TimestampToSecondsWithTz,
		overloads.TimeGetMilliseconds: overloads.TimestampToMillisecondsWithTz,
	}
	subset := env.NewLibrarySubset()
	for _, function := range sortedKeys(zoned) {
		subset.AddExcludedFunctions(env.NewFunction(function, &env.Overload{ID: zoned[function]}))
	}
	return subset
}
