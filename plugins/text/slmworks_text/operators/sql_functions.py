"""Functions that the row operator `expression` may call: their result depends on their arguments alone.

A list of what is allowed: DuckDB says of no macro whether it reads a clock, and new versions bring new ones.
"""

_OPERATORS = "!= !~~ !~~* % & && * ** + - ->> / // << >> <@ @> ^ ^@ | || ~ ~~ ~~* ~~~ @ xor"

_TEXTS = """
ascii bar bit_length char_length character_length chr concat concat_ws contains damerau_levenshtein
editdist3 ends_with format format_bytes hamming ilike_escape instr jaccard jaro_similarity
jaro_winkler_similarity lcase left left_grapheme len length length_grapheme levenshtein like_escape lower
lpad ltrim mismatches nfc_normalize not_ilike_escape not_like_escape octet_length ord overlay position
prefix printf regexp_escape regexp_extract regexp_extract_all regexp_full_match regexp_matches
regexp_replace regexp_split_to_array repeat replace reverse right right_grapheme rpad rtrim split split_part
starts_with str_split str_split_regex string_split string_split_regex string_to_array strip_accents strlen
strpos substr substring substring_grapheme suffix translate trim ucase unicode upper parse_dirname
parse_dirpath parse_filename parse_path url_decode url_encode base64 decode encode from_base64 from_hex hex
md5 sha1 sha256 to_base to_base64 to_hex unhex
"""

_NUMBERS = """
abs acos acosh asin asinh atan atan2 atanh bin bit_count cbrt ceil ceiling cos cosh cot degrees divide even
exp factorial fdiv floor fmod gamma gcd greatest greatest_common_divisor isfinite isinf isnan lcm least
least_common_multiple lgamma ln log log10 log2 mod nextafter pi pow power radians round round_even sign
signbit sin sinh sqrt tan tanh trunc
"""

_DATES = """
century date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname
dayofmonth dayofweek dayofyear days_in_month decade epoch epoch_ms epoch_ns epoch_us era hour isodow isoyear
julian last_day make_date make_time make_timestamp make_timestamp_ms make_timestamp_ns microsecond
millennium millisecond minute month monthname nanosecond quarter second strftime strptime time_bucket
timezone to_centuries to_days to_decades to_hours to_microseconds to_millennia to_milliseconds to_minutes
to_months to_quarters to_seconds to_timestamp to_weeks to_years try_strptime week weekday weekofyear year
yearweek
"""

_LISTS = """
apply array_append array_apply array_cat array_concat array_contains array_distinct array_extract
array_filter array_has array_has_all array_has_any array_indexof array_intersect array_length array_pop_back
array_pop_front array_position array_prepend array_push_back array_push_front array_reduce array_resize
array_reverse array_reverse_sort array_select array_slice array_sort array_to_string array_transform
array_unique array_value array_where array_zip cardinality element_at filter flatten generate_series
grade_up list_any_value list_append list_apply list_avg list_bool_and list_bool_or list_cat list_concat
list_contains list_count list_distinct list_element list_extract list_filter list_first list_grade_up
list_has list_has_all list_has_any list_indexof list_intersect list_last list_max list_median list_min
list_pack list_position list_prepend list_product list_reduce list_resize list_reverse list_reverse_sort
list_select list_slice list_sort list_stddev_pop list_stddev_samp list_string_agg list_sum list_transform
list_unique list_value list_var_pop list_var_samp list_where list_zip range reduce
"""

_VALUES = """
constant_or_null if nullif map map_concat map_contains map_contains_entry map_contains_value map_entries
map_extract map_extract_value map_from_entries map_keys map_values row struct_concat struct_contains
struct_extract struct_extract_at struct_has struct_insert struct_keys struct_pack struct_values typeof
json_array json_array_length json_contains json_exists json_extract json_extract_path json_extract_path_text
json_extract_string json_keys json_object json_quote json_structure json_type json_valid json_value to_json
"""

FUNCTIONS = frozenset(f"{_OPERATORS} {_TEXTS} {_NUMBERS} {_DATES} {_LISTS} {_VALUES}".split())
"""By their names in DuckDB."""

KEYWORDS = frozenset(
    {
        "current_catalog", "current_date", "current_role", "current_schema", "current_time",
        "current_timestamp", "current_user", "localtime", "localtimestamp", "session_user", "user",
    }
)  # fmt: skip
"""Names that are called without parentheses, and look like columns."""
