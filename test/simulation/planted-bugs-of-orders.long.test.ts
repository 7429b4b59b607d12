// The planted bugs of orders and operational events are found, beside the others in time.

import { findEach } from './find-planted-bugs.ts';
import { plantedOperationalBugs } from './planted-operational-bugs.ts';
import { plantedOrderBugs } from './planted-order-bugs.ts';

findEach([...plantedOperationalBugs, ...plantedOrderBugs]);
