import {
  createContext,
  createElement,
  type ReactNode,
  useCallback,
  useContext,
  useMemo,
  useSyncExternalStore,
} from 'react';
import type {Client, ConnectionState, LiveOptions, LiveSource, Param, Row} from '../src/client.ts';
import {LiveStore, type LiveView, LOADING} from './live-store.ts';

export type {LiveView} from './live-store.ts';

const StoreContext = createContext<LiveStore | null>(null);

/** Gives a client to all components inside. Who makes the client closes it. */
export function WadiProvider(props: {
  readonly client: Client;
  readonly children?: ReactNode;
}): ReactNode {
  const store = useMemo(() => new LiveStore(props.client), [props.client]);
  return createElement(StoreContext.Provider, {value: store}, props.children);
}

/** The client of the provider around. */
export function useWadi(): Client {
  return useStore().client;
}

/** The state of the connection. */
export function useConnection(): ConnectionState {
  const {client} = useStore();
  const subscribe = useCallback((listener: () => void) => client.onState(listener), [client]);
  return useSyncExternalStore(
    subscribe,
    () => client.state,
    () => 'connecting' as const,
  );
}

/**
 * The rows of a SELECT, rendered again whenever they change. Components that ask the same share one subscription. With null
 * nothing is asked. Query, parameters and options may be new objects in each render: what they hold counts.
 */
export function useLive<T = Row>(
  source: Exclude<LiveSource, {readonly sealed: unknown}> | {readonly sealed: string} | null,
  args: readonly Param[] = [],
  options: Pick<LiveOptions, 'lastRows' | 'snapshot' | 'storage'> = {},
): LiveView<T> {
  const store = useStore();
  const key = source === null ? '' : keyOf(source, args, options);
  const subscribe = useCallback(
    (listener: () => void) =>
      source === null ? () => undefined : store.join(key, source, args, options, listener),
    // `key` stands for what the others hold.
    [store, key],
  );
  const view = useSyncExternalStore(
    subscribe,
    () => store.view(key),
    () => LOADING,
  );
  return view as LiveView<T>;
}

function useStore(): LiveStore {
  const store = useContext(StoreContext);
  if (store === null) throw new Error('useLive needs a <WadiProvider client={...}> around it');
  return store;
}

function keyOf(source: LiveSource, args: readonly Param[], options: object): string {
  return JSON.stringify([source, args, options], (_, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`;
    return value instanceof Uint8Array ? [...value] : value;
  });
}
