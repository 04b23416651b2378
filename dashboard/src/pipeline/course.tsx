// How a rate went over the last minutes, as a small area from zero.

const width = 120;
const height = 22;

export function Course({ values }: { readonly values: readonly number[] }) {
  const most = Math.max(...values, Number.MIN_VALUE);
  const across = width / Math.max(1, values.length - 1);
  const points = values.map((value, index) => {
    const y = height - 1 - (value / most) * (height - 3);
    return `${(index * across).toFixed(1)},${y.toFixed(1)}`;
  });
  return (
    <svg
      className="course"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {points.length > 1 ? <polyline points={points.join(' ')} /> : null}
    </svg>
  );
}
