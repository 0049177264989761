export {RangeValue} from './datum.ts';
