// What is wrong in a configuration, each with its file, line, column and key.

import type { ConfigError } from '../documents/service.ts';

export function ConfigErrors({ of }: { of: readonly ConfigError[] }) {
  return (
    <ul class="errors">
      {of.map(({ file, line, column, path, message }) => (
        <li key={`${file} ${line} ${column} ${path} ${message}`}>
          <code>
            {file}
            {line === null ? '' : `:${line}`}
            {column === null ? '' : `:${column}`}
          </code>{' '}
          {path === '' ? null : <code>{path}</code>} {message}
        </li>
      ))}
    </ul>
  );
}
