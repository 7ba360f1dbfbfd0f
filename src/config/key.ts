/** How the text of a key is read: `seconds` become milliseconds, `path` is made absolute, `list` is split at commas. */
export type KeyType =
  | 'text'
  | 'conninfo'
  | 'path'
  | 'list'
  | 'boolean'
  | 'seconds'
  | 'count'
  | 'bytes'
  | 'choice';

/** Everything there is to know about one key of an ini file. Parser, errors, `--ini` and man page are made from it. */
export interface KeyDeclaration {
  readonly name: string;
  /** Other names that are accepted, for the ini files people have. */
  readonly aliases?: readonly string[];
  readonly type: KeyType;
  readonly required?: true;
  /** As it would stand in the file; may refer to other keys as `%(key)s`. */
  readonly default?: string;
  /** Lowest value of a number. */
  readonly minimum?: number;
  /** The words that a choice may be. */
  readonly choices?: readonly string[];
  /** What a sample file shows for a key without a default. */
  readonly example?: string;
  /** What the key is for. */
  readonly sentence: string;
}

type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/** The field of a key in the typed object: `loop_delay` in seconds becomes `loopDelayMs`. */
export type FieldName<Key extends KeyDeclaration> = Key['type'] extends 'seconds'
  ? `${CamelCase<Key['name']>}Ms`
  : CamelCase<Key['name']>;

interface ValueTypes {
  readonly text: string;
  readonly conninfo: string;
  readonly path: string;
  readonly list: readonly string[];
  readonly boolean: boolean;
  readonly seconds: number;
  readonly count: number;
  readonly bytes: number;
  readonly choice: string;
}

type FieldValue<Key extends KeyDeclaration> = Key extends { readonly choices: readonly (infer Word)[] }
  ? Word
  : Key extends { readonly required: true } | { readonly default: string }
    ? ValueTypes[Key['type']]
    : ValueTypes[Key['type']] | undefined;

/** The typed object that a list of declared keys makes. */
export type ConfigurationOf<Keys extends readonly KeyDeclaration[]> = {
  readonly [Key in Keys[number] as FieldName<Key>]: FieldValue<Key>;
};
