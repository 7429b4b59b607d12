// The headers of a request or an answer, as text.

import type { Header } from '../documents/deliveries.ts';

export function HeaderList({ label, of }: { label: string; of: readonly Header[] }) {
  return (
    <div class="scroll" role="region" aria-label={label} tabIndex={0}>
      <table class="headers">
        <caption>{label}</caption>
        <tbody>
          {of.map(({ name, value }, index) => (
            <tr key={`${index} ${name}`}>
              <th scope="row">{name}</th>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
