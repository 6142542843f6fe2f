// Numbers as the rest of the report writes them (figures.py): the same digits, and nothing small looks like nought.

// unit -> [power of ten, decimals, suffix]
const WRITTEN = {
  share: [2, 1, " %"],
  score: [0, 3, ""],
  difference: [2, 1, " pts"],
  count: [0, 0, ""],
  ratio: [0, 2, "×"],
};

/** A number of a unit: `93.1 %`, `−4.9 pts`, `84.0 ms`, `1.50 s`; with `signed`, a plus where it grew. */
function written(value, unit, signed = unit === "difference") {
  const [shift, least, suffix] =
    unit !== "seconds" ? WRITTEN[unit] : Math.abs(value) < 1 ? [3, 1, " ms"] : [0, 2, " s"];
  let places = least;
  let digits = decimal(value, shift, places);
  while (Math.abs(value) >= 1e-9 && !/[1-9]/.test(digits) && places < 12) digits = decimal(value, shift, ++places);
  const nought = !/[1-9]/.test(digits);
  return `${nought ? "" : value < 0 ? "−" : signed ? "+" : ""}${digits}${suffix}`;
}

/** |value| × 10^shift with so many decimals, halves to even, worked out in decimals: floats would round twice. */
function decimal(value, shift, places) {
  const [, first, rest = "", power] = /^(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(Math.abs(value).toExponential());
  const scale = Number(power) - rest.length + shift + places;
  let whole = BigInt(first + rest);
  if (scale >= 0) whole *= 10n ** BigInt(scale);
  else {
    const unit = 10n ** BigInt(-scale);
    const twice = 2n * (whole % unit);
    whole /= unit;
    if (twice > unit || (twice === unit && whole % 2n === 1n)) whole += 1n;
  }
  const digits = String(whole).padStart(places + 1, "0");
  return places ? `${digits.slice(0, -places)}.${digits.slice(-places)}` : digits;
}
