# The public names of _NAMES in __init__.py, as type checkers and editors read them.
# jedi takes an import in a stub for private without its `as`, whatever __all__ says.

from .builder.batch import Batch as Batch
from .builder.event_verbs import EventVerbs as EventVerbs
from .builder.sealed import SealedBatch as SealedBatch
from .builder.session import Session as Session
from .client.client import Client as Client
from .client.events_api import Configuration as Configuration
from .client.events_api import EventsApi as EventsApi
from .client.events_api import Upload as Upload
from .delivery.future import Delivery as Delivery
from .delivery.job import Job as Job
from .delivery.notifier import Notifier as Notifier
from .delivery.outcome import HandedOver as HandedOver
from .delivery.rate_limit import RateLimit as RateLimit
from .delivery.reports import CloseReport as CloseReport
from .delivery.reports import Report as Report
from .delivery.retry import Retry as Retry
from .delivery.sender import Sender as Sender
from .delivery.stats import Acceptance as Acceptance
from .delivery.stats import Stats as Stats
from .dispatch.base import Dispatcher as Dispatcher
from .dispatch.hand_over import HandOverDispatcher as HandOverDispatcher
from .dispatch.sync import SyncDispatcher as SyncDispatcher
from .dispatch.threaded import ThreadedDispatcher as ThreadedDispatcher
from .errors import ApiError as ApiError
from .errors import Closed as Closed
from .errors import ConfigurationError as ConfigurationError
from .errors import DeliveryError as DeliveryError
from .errors import Immutable as Immutable
from .errors import InvalidBatch as InvalidBatch
from .errors import InvalidPlan as InvalidPlan
from .errors import InvalidTime as InvalidTime
from .errors import InvalidValue as InvalidValue
from .errors import Kept as Kept
from .errors import MixedUsers as MixedUsers
from .errors import MPFluentError as MPFluentError
from .errors import QueueFull as QueueFull
from .errors import TooLarge as TooLarge
from .errors import TooManyRejects as TooManyRejects
from .errors import TransportError as TransportError
from .errors import UnknownField as UnknownField
from .errors import UnknownVerb as UnknownVerb
from .errors import UnusedBatchWarning as UnusedBatchWarning
from .model.application import ApplicationInformation as ApplicationInformation
from .model.application import AttributionInfo as AttributionInfo
from .model.commerce import Product as Product
from .model.commerce import ProductAction as ProductAction
from .model.commerce import ProductImpression as ProductImpression
from .model.commerce import Promotion as Promotion
from .model.commerce import PromotionAction as PromotionAction
from .model.commerce import ShoppingCart as ShoppingCart
from .model.consent import CCPAConsentState as CCPAConsentState
from .model.consent import ConsentState as ConsentState
from .model.consent import GDPRConsentState as GDPRConsentState
from .model.context import BatchContext as BatchContext
from .model.context import DataPlanContext as DataPlanContext
from .model.context import GeoLocation as GeoLocation
from .model.device import DeviceCurrentState as DeviceCurrentState
from .model.device import DeviceInformation as DeviceInformation
from .model.event import CommonFields as CommonFields
from .model.event import Event as Event
from .model.events import AppEvent as AppEvent
from .model.events import ApplicationStateTransitionEvent as ApplicationStateTransitionEvent
from .model.events import BreadcrumbEvent as BreadcrumbEvent
from .model.events import CommerceEvent as CommerceEvent
from .model.events import CrashReportEvent as CrashReportEvent
from .model.events import CustomEvent as CustomEvent
from .model.events import FirstRunEvent as FirstRunEvent
from .model.events import NetworkPerformanceEvent as NetworkPerformanceEvent
from .model.events import OptOutEvent as OptOutEvent
from .model.events import ProfileEvent as ProfileEvent
from .model.events import PushMessageEvent as PushMessageEvent
from .model.events import PushRegistrationEvent as PushRegistrationEvent
from .model.events import ScreenViewEvent as ScreenViewEvent
from .model.events import SessionEndEvent as SessionEndEvent
from .model.events import SessionStartEvent as SessionStartEvent
from .model.events import UninstallEvent as UninstallEvent
from .model.events import UserAttributeChangeEvent as UserAttributeChangeEvent
from .model.events import UserIdentityChangeEvent as UserIdentityChangeEvent
from .model.user import UserIdentities as UserIdentities
from .model.user import UserIdentity as UserIdentity
from .outbox.outbox import Outbox as Outbox
from .testing.recording import RecordingTransport as RecordingTransport
from .transport.base import Request as Request
from .transport.base import Response as Response
from .transport.base import Transport as Transport
from .transport.deadline import DeadlineAdapter as DeadlineAdapter
from .transport.destination import Destination as Destination
from .transport.local import FileTransport as FileTransport
from .transport.local import FunctionTransport as FunctionTransport
from .transport.local import PrintingTransport as PrintingTransport
from .transport.requests import RequestsTransport as RequestsTransport
from .values.frozen_map import FrozenMap as FrozenMap
from .version import __version__ as __version__
from .wire.limits import Problem as Problem

__all__ = [
    "Acceptance",
    "ApiError",
    "AppEvent",
    "ApplicationInformation",
    "ApplicationStateTransitionEvent",
    "AttributionInfo",
    "Batch",
    "BatchContext",
    "BreadcrumbEvent",
    "CCPAConsentState",
    "Client",
    "CloseReport",
    "Closed",
    "CommerceEvent",
    "CommonFields",
    "Configuration",
    "ConfigurationError",
    "ConsentState",
    "CrashReportEvent",
    "CustomEvent",
    "DataPlanContext",
    "DeadlineAdapter",
    "Delivery",
    "DeliveryError",
    "Destination",
    "DeviceCurrentState",
    "DeviceInformation",
    "Dispatcher",
    "Event",
    "EventVerbs",
    "EventsApi",
    "FileTransport",
    "FirstRunEvent",
    "FrozenMap",
    "FunctionTransport",
    "GDPRConsentState",
    "GeoLocation",
    "HandOverDispatcher",
    "HandedOver",
    "Immutable",
    "InvalidBatch",
    "InvalidPlan",
    "InvalidTime",
    "InvalidValue",
    "Job",
    "Kept",
    "MPFluentError",
    "MixedUsers",
    "NetworkPerformanceEvent",
    "Notifier",
    "OptOutEvent",
    "Outbox",
    "PrintingTransport",
    "Problem",
    "Product",
    "ProductAction",
    "ProductImpression",
    "ProfileEvent",
    "Promotion",
    "PromotionAction",
    "PushMessageEvent",
    "PushRegistrationEvent",
    "QueueFull",
    "RateLimit",
    "RecordingTransport",
    "Report",
    "Request",
    "RequestsTransport",
    "Response",
    "Retry",
    "ScreenViewEvent",
    "SealedBatch",
    "Sender",
    "Session",
    "SessionEndEvent",
    "SessionStartEvent",
    "ShoppingCart",
    "Stats",
    "SyncDispatcher",
    "ThreadedDispatcher",
    "TooLarge",
    "TooManyRejects",
    "Transport",
    "TransportError",
    "UninstallEvent",
    "UnknownField",
    "UnknownVerb",
    "UnusedBatchWarning",
    "Upload",
    "UserAttributeChangeEvent",
    "UserIdentities",
    "UserIdentity",
    "UserIdentityChangeEvent",
    "__version__",
]
