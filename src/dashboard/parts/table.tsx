// A table whose rows keep their place in the page, and are drawn again only when what they show is another.

import { Component, type ComponentChildren } from 'preact';

export type Column<Row> = {
  name: string;
  head: string;
  cell(row: Row): ComponentChildren;
  isNumber?: boolean;
  /** Left out where the screen is narrow: the row's own view has it too. */
  isExtra?: boolean;
  /** Left out already where the screen is not wide. */
  isRare?: boolean;
};

export type Sorting = {
  by: string;
  isDown: boolean;
  /** The columns that can be sorted by. */
  names: readonly string[];
  onSort(name: string): void;
};

export type TableProps<Row> = {
  /** What the table lists, for those who do not see it. */
  label: string;
  /** The first one heads the row. The same object each time, else every row is drawn again. */
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf(row: Row): string;
  /** Said in place of rows. */
  empty: string;
  sorting?: Sorting;
};

export function Table<Row>({ label, columns, rows, keyOf, empty, sorting }: TableProps<Row>) {
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  return (
    // A keyboard scrolls it where it is wider than the screen.
    <div class="scroll" role="region" aria-label={label} tabIndex={0}>
      {/* A narrow screen shows a row as a paragraph; the roles say that it is a table all the same. */}
      <table class="rows" role="table">
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <Head key={column.name} column={column} sorting={sorting} />
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <Line key={keyOf(row)} row={row} columns={columns} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function classOf({ isNumber, isExtra, isRare }: Pick<Column<never>, 'isNumber' | 'isExtra' | 'isRare'>): string {
  const classes = { number: isNumber, extra: isExtra, rare: isRare };
  return Object.entries(classes)
    .filter(([, is]) => is)
    .map(([name]) => name)
    .join(' ');
}

function Head<Row>({ column, sorting }: { column: Column<Row>; sorting: Sorting | undefined }) {
  const { name, head } = column;
  if (sorting === undefined || !sorting.names.includes(name)) {
    return (
      <th scope="col" role="columnheader" class={classOf(column)}>
        {head}
      </th>
    );
  }
  const isSorted = sorting.by === name;
  const order = isSorted ? (sorting.isDown ? 'descending' : 'ascending') : 'none';
  return (
    <th scope="col" role="columnheader" class={classOf(column)} aria-sort={order}>
      <button type="button" class="sort" onClick={() => sorting.onSort(name)}>
        {head}
        <span aria-hidden="true">{isSorted ? (sorting.isDown ? ' ↓' : ' ↑') : ' ↕'}</span>
      </button>
    </th>
  );
}

/** A class, since only a class can say that nothing changed. */
class Line<Row> extends Component<{ row: Row; columns: readonly Column<Row>[] }> {
  override shouldComponentUpdate(next: { row: Row; columns: readonly Column<Row>[] }): boolean {
    return next.row !== this.props.row || next.columns !== this.props.columns;
  }

  override render() {
    const { row, columns } = this.props;
    return (
      <tr role="row">
        {columns.map((column, index) =>
          index === 0 ? (
            <th key={column.name} scope="row" role="rowheader" class={classOf(column)}>
              {column.cell(row)}
            </th>
          ) : (
            <td key={column.name} role="cell" class={classOf(column)} data-head={column.head}>
              {column.cell(row)}
            </td>
          ),
        )}
      </tr>
    );
  }
}
